using FluentAssertions;
using Microsoft.AspNetCore.Hosting;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The connections that write straight to the socket, and those that write through Kestrel.</summary>
public sealed class TransportTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, typeof(SocketTransport))]
    [InlineData(Listen.Tls, typeof(StreamTransport))]
    public async Task Plain_tcp_uses_the_socket_transport_and_tls_uses_the_stream_transport(Listen listen, Type transport)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType(transport);
    }

    [Fact]
    public async Task Http2_uses_the_stream_transport()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.WebSocketAddress());

        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType<StreamTransport>();
    }

    /// <summary>A middleware that changes the bytes would be bypassed. The one in this test only logs them.</summary>
    [Theory]
    [InlineData(true, typeof(StreamTransport))]
    [InlineData(false, typeof(SocketTransport))]
    public async Task Plain_tcp_uses_the_stream_transport_only_if_a_middleware_wraps_the_connection(bool wraps, Type transport)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, endpoint =>
            {
                if (wraps)
                    endpoint.UseConnectionLogging();
                else
                    endpoint.Use(next => next);
            })));
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType(transport);
    }
}
