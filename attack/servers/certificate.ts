// A certificate of nobody's, for servers that are attacked on loopback, good until 2126. Made with
// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost`.

/** PEM text. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUCzojFGvlD9Rr2v7qDdvKeQ+xfX0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTAzNTAxM1oYDzIxMjYxMTA1
MDM1MDEzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASSxb2+p7PjyXEWryqdhuG3QKk91cbvZquaiuQCk5EuAAOs7ZT4vMHb
UnRw7J2KKoBfrgDOVjyWQNvJESzTMyAko28wbTAdBgNVHQ4EFgQU149FmAiE8bzg
GRVbkdNzVEFw3aMwHwYDVR0jBBgwFoAU149FmAiE8bzgGRVbkdNzVEFw3aMwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgFQh4VHcJJ7hIYZwXvXbJd98H8pQh7eUt/Lxrz8UYiSkCIQCL
GMz24LHtIURolkqghOwFpUBYMPad1lOf16/6m5A5gQ==
-----END CERTIFICATE-----`;

/** PEM text; a secret of nobody's. */
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgP/CcjTYuqvT295ZL
jJ9tKcZDfRXDZkvOlTN0R4yZu/+hRANCAASSxb2+p7PjyXEWryqdhuG3QKk91cbv
ZquaiuQCk5EuAAOs7ZT4vMHbUnRw7J2KKoBfrgDOVjyWQNvJESzTMyAk
-----END PRIVATE KEY-----`;
