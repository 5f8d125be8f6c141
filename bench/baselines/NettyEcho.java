// Framed echo on Netty's LengthFieldBasedFrameDecoder (u32 little-endian length, payload), all on one event loop (NIO).
//
//   java -cp NETTY_JARS:FOLDER NettyEcho --port N
//
// A write for each message, one flush a read.

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;

final class NettyEcho {
  private static final int HEADER_BYTES = 4;
  private static final int MOST_PAYLOAD_BYTES = 16 << 20;
  private static final int BACKLOG = 1024;
  /** More than one turn of reading brings (16 reads of 64 KiB): only a peer that does not read reaches it. */
  private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(1 << 20, 2 << 20);

  public static void main(String[] args) throws InterruptedException {
    if (args.length != 2 || !args[0].equals("--port")) {
      System.err.println("usage: NettyEcho --port N");
      System.exit(2);
    }
    // Without it a JVM that gets SIGTERM ends with code 143.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0)));
    NioEventLoopGroup eventLoop = new NioEventLoopGroup(1);
    Channel server = new ServerBootstrap()
        .group(eventLoop)
        .channel(NioServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
        .childHandler(new Pipeline())
        .bind("127.0.0.1", Integer.parseInt(args[1]))
        .sync()
        .channel();
    System.out.println("listening on 127.0.0.1:" + ((InetSocketAddress) server.localAddress()).getPort());
  }

  private static final class Pipeline extends ChannelInitializer<SocketChannel> {
    @Override
    protected void initChannel(SocketChannel channel) {
      channel.pipeline().addLast(
          new LengthFieldBasedFrameDecoder(
              ByteOrder.LITTLE_ENDIAN, HEADER_BYTES + MOST_PAYLOAD_BYTES, 0, HEADER_BYTES, 0, HEADER_BYTES, true),
          new LengthFieldPrepender(ByteOrder.LITTLE_ENDIAN, HEADER_BYTES, 0, false),
          new Echo());
    }
  }

  private static final class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object payload) {
      context.write(payload, context.voidPromise());
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
      context.channel().config().setAutoRead(context.channel().isWritable());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close(); // A reset, or a peer that breaks the format.
    }
  }
}
