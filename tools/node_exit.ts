// Preloaded into Node's test runs: ends the process at its natural end without taking its handles down one by one, in which Node 26
// may spin for ever once a test has closed sockets over TLS (uv_run under Environment::CleanupHandles). What a test leaves open holds
// the process up as ever. Node only.

import process from "node:process";

// Behind the listeners of the runner, which write its reports and set the exit code.
process.once("beforeExit", () => {
  process.on("exit", (code) => {
    const { reallyExit } = process as unknown as { reallyExit: (code: number) => never };
    reallyExit.call(process, Number(process.exitCode ?? code));
  });
});
