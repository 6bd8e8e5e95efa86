using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>
/// The 101 answer goes through Kestrel's pipe, and messages go straight to the socket. They must not overtake the answer. The client throws
/// if anything else arrives first.
/// </summary>
public sealed class HandshakeTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int AtOnce = 50;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 1_000)]
    [InlineData(Listen.Tls, 150)]
    public async Task The_handshake_answer_arrives_before_the_first_message_under_continuous_publishing(Listen listen, int handshakes)
    {
        var channel = $"handshake.{listen}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var first = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=" + channel));
        await Redis.WhenChannelIsLiveAsync(app, channel);
        using var enough = new CancellationTokenSource();
        var pouring = PourAsync(channel, enough.Token);

        var left = handshakes;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=" + channel));
                (await client.ReadTextAsync()).Should().Be("hello");
            }
        })).WaitAsync(TimeSpan.FromSeconds(60));

        await enough.CancelAsync();
        await pouring;
    }

    private async Task PourAsync(string channel, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
            await Redis.PublishAsync(channel, "hello");
    }
}
