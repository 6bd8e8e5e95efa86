using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>A closed connection leaves nothing behind, however it ends.</summary>
public sealed class ConnectionEndTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 1000)]
    [InlineData(Listen.Plain, 1001)]
    [InlineData(Listen.Plain, 4999)]
    [InlineData(Listen.Tls, 3000)]
    public async Task A_close_is_answered_with_its_code_and_ends_the_connection_cleanly(Listen listen, ushort code)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.SendCloseAsync(code);

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(code);
        (await client.ReadFrameAsync()).Should().BeNull();
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection has ended");
    }

    /// <summary>.NET's WebSocket does not distinguish the two. A browser that called <c>close()</c> gets a clean close.</summary>
    [Fact]
    public async Task A_close_without_a_code_is_answered_with_code_1000()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.SendAsync(Frame.CloseOpcode, []);

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(1000);
        (await client.ReadFrameAsync()).Should().BeNull();
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task Clients_that_disconnect_in_any_state_leave_no_subscription_behind(Listen listen)
    {
        const int each = 20;
        var channel = $"vanish.{listen}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: "Redis:Linger=00:00:00");
        var clients = await Task.WhenAll(Enumerable.Range(0, each * 3).Select(
            n => RawWebSocket.SubscribeAsync(app, channel, receiveBuffer: n < each ? 4096 : 0)));
        await Redis.WhenChannelIsLiveAsync(app, channel, clients.Length);
        using var enough = new CancellationTokenSource();
        var pouring = PourAsync(channel, enough.Token);
        await Task.WhenAll(clients.Select(client => client.ReadFrameAsync()));

        await Task.WhenAll(clients.Select(async (client, n) =>
        {
            // One third has a backlog, one third is closing, and one third is reset or disconnects.
            if (n >= each && n < each * 2)
                await client.SendCloseAsync(1000);
            if (n % 2 == 0)
                client.Abort();
            else
                await client.DisposeAsync();
        }));

        await Eventually.IsAsync(() => app.Connections.Count == 0, "the connections have ended");
        app.Hub.CountSubscribers(Name.Channel(channel)).Should().Be(0);
        await enough.CancelAsync();
        await pouring;
        await Eventually.IsAsync(async () => app.Hub.NameCount == 0 && await Redis.SubscribersAsync(channel) == 0, "the name is unsubscribed");
    }

    [Fact]
    public async Task Http2_streams_and_connections_that_are_aborted_leave_no_subscription_behind()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var first = new Http2Client();
        using var second = new Http2Client();
        using var aborted = await first.ConnectAsync(app.WebSocketAddress("/ws?channel=vanish.http2"));
        using var left = await first.ConnectAsync(app.WebSocketAddress("/ws?channel=vanish.http2"));
        using var reset = await second.ConnectAsync(app.WebSocketAddress("/ws?channel=vanish.http2"));
        await Redis.WhenChannelIsLiveAsync(app, "vanish.http2", 3);

        aborted.Abort();
        second.Reset();

        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("vanish.http2")) == 1, "two connections have ended");
        app.Connections.Count.Should().Be(1);
        await Redis.PublishAsync("vanish.http2", "hello");
        (await left.ReadMessageAsync()).Text.Should().Be("hello");
        await left.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, "", CancellationToken.None).WaitAsync(Eventually.Limit);
        ((int?)left.CloseStatus).Should().Be(1000);
        await Eventually.IsAsync(() => app.Connections.Count == 0, "all connections have ended");
    }

    private async Task PourAsync(string channel, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
            await Redis.PublishAllAsync(channel, Enumerable.Repeat((RedisValue)new byte[10_000], 100));
    }
}
