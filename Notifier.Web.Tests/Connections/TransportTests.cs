using FluentAssertions;
using Microsoft.AspNetCore.Hosting;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>Which connections may write past Kestrel to the socket, and which may not.</summary>
public sealed class TransportTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, typeof(SocketTransport))]
    [InlineData(Listen.Tls, typeof(StreamTransport))]
    public async Task Plain_tcp_takes_the_socket_lane_and_tls_the_stream_lane(Listen listen, Type transport)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType(transport);
    }

    [Fact]
    public async Task Http2_takes_the_stream_lane()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.WebSocketAddress());

        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType<StreamTransport>();
    }

    /// <summary>One that changes the bytes on their way (this one only logs them) would be passed by.</summary>
    [Theory]
    [InlineData(true, typeof(StreamTransport))]
    [InlineData(false, typeof(SocketTransport))]
    public async Task Plain_tcp_with_a_connection_middleware_around_the_transport_takes_the_stream_lane(bool wraps, Type transport)
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
