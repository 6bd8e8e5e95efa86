using System.Net.WebSockets;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>
/// Notifier pings its clients and closes those that do not answer. The test moves the clock, and all seconds are those of this clock.
/// </summary>
public sealed class LivenessTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_quiet_client_is_pinged_every_25_seconds_and_stays_connected(Listen listen)
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress());
        await app.WhenThereAreAsync(1);

        for (var pings = 0; pings < 4; pings++)
        {
            await app.AdvanceAsync(25);
            var ping = (await client.ReadFrameAsync())!;
            ping.Opcode.Should().Be(Frame.PingOpcode);
            await client.SendAsync(Frame.PongOpcode, ping.Payload);
            // The test's clock runs faster than the server reads. Without this ping the server might see 50 s of silence.
            await client.SendAsync(Frame.PingOpcode, [6]);
            (await client.ReadFrameAsync())!.Payload.Should().Equal([6]);
        }

        await client.SendAsync(Frame.PingOpcode, [7]);
        (await client.ReadFrameAsync())!.Payload.Should().Equal([7], "the server sent four pings and no fifth");
    }

    [Fact]
    public async Task Pings_to_many_clients_are_spread_over_the_ping_interval()
    {
        const int Clients = 50;
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain);
        var clients = await Support.Clients.ConnectAsync(app.App, Clients);
        await app.WhenThereAreAsync(Clients);
        var pings = new List<int>();

        await app.AdvanceAsync(25, async () => pings.Add((await Task.WhenAll(clients.Select(PingsOfAsync))).Sum()));

        // The last ping may still be on its way after the clock has stopped.
        await Eventually.IsAsync(async () => (pings[^1] += (await Task.WhenAll(clients.Select(PingsOfAsync))).Sum()) + pings.SkipLast(1).Sum() == Clients, "Notifier pings each client once");
        pings.Max().Should().BeLessThanOrEqualTo(3 * Clients / 25, string.Join(' ', pings));
        await clients.DisposeAllAsync();

        static async Task<int> PingsOfAsync(RawWebSocket client)
        {
            await client.SendAsync(Frame.PingOpcode, [6]);
            var pings = 0;
            while ((await client.ReadFrameAsync())!.Opcode != Frame.PongOpcode)
                pings++;
            return pings;
        }
    }

    [Fact]
    public async Task A_node_that_was_paused_does_not_disconnect_its_clients()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain);
        await using var client = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress());
        await app.WhenThereAreAsync(1);
        await app.AdvanceAsync(2);

        app.Pause(TimeSpan.FromMinutes(10));
        await app.AdvanceAsync(26);

        app.Connections.Should().Be(1);
        (await client.ReadFrameAsync())!.Opcode.Should().Be(Frame.PingOpcode);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_whose_machine_disappears_is_disconnected_within_40_seconds(Listen listen)
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress());
        await app.WhenThereAreAsync(1);
        await client.SendAsync(Frame.PingOpcode, []);
        (await client.ReadFrameAsync())!.Opcode.Should().Be(Frame.PongOpcode);

        client.GoHalfOpen();

        await app.AdvanceAsync(33);
        app.Connections.Should().Be(1);
        await app.AdvanceAsync(7);
        await app.WhenThereAreAsync(0);
    }

    [Fact]
    public async Task Http2_clients_whose_machine_disappears_are_disconnected_within_40_seconds()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.App.WebSocketAddress());
        using var other = await http2.ConnectAsync(app.App.WebSocketAddress());
        await app.WhenThereAreAsync(2);

        http2.GoHalfOpen();

        await app.AdvanceAsync(33);
        app.Connections.Should().Be(2);
        await app.AdvanceAsync(7);
        await app.WhenThereAreAsync(0);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_that_stops_reading_is_disconnected_within_40_seconds(Listen listen)
    {
        var channel = $"stall.{listen}";
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.SubscribeAsync(app.App, channel, receiveBuffer: 16 * 1024);
        await Redis.WhenChannelIsLiveAsync(app.App, channel);
        await Redis.PublishAllAsync(channel, Enumerable.Repeat((RedisValue)new byte[8 * 1024], 500));
        await app.WhenNothingMovesAsync();

        await app.AdvanceAsync(33);
        app.Connections.Should().Be(1);
        await app.AdvanceAsync(7);
        await app.WhenThereAreAsync(0);
    }

    [Fact]
    public async Task A_stalled_http2_stream_is_disconnected_and_other_streams_of_its_connection_stay_open()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var stalled = await http2.ConnectAsync(app.App.WebSocketAddress("/ws?channel=stall.http2"));
        using var lively = await http2.ConnectAsync(app.App.WebSocketAddress("/ws?channel=lively.http2"));
        await Redis.WhenChannelIsLiveAsync(app.App, "stall.http2");
        await Redis.WhenChannelIsLiveAsync(app.App, "lively.http2");
        await Redis.PublishAllAsync("stall.http2", Enumerable.Repeat((RedisValue)new byte[8 * 1024], 500));
        await app.WhenNothingMovesAsync();

        await app.AdvanceAsync(40, async () =>
        {
            await Redis.PublishAsync("lively.http2", "hello");
            (await lively.ReadMessageAsync()).Text.Should().Be("hello");
        });

        await app.WhenThereAreAsync(1);
        lively.State.Should().Be(WebSocketState.Open);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_that_reads_400_kb_a_second_stays_connected_behind_a_backlog_of_over_a_minute(Listen listen)
    {
        const int eachSecond = 400_000;
        var channel = $"slow.{listen}";
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.SubscribeAsync(app.App, channel, receiveBuffer: 64 * 1024);
        await Redis.WhenChannelIsLiveAsync(app.App, channel);
        await Redis.PublishAllAsync(channel, Enumerable.Range(0, 70 * eachSecond / 8_000).Select(_ => (RedisValue)new byte[8_000]));

        var target = 0;
        await app.AdvanceAsync(65, async () =>
        {
            for (target += eachSecond; client.BytesRead < target;)
                (await client.ReadFrameAsync())!.Opcode.Should().NotBe(Frame.CloseOpcode);
        });

        app.Connections.Should().Be(1);
    }

    [Fact]
    public async Task A_slow_http2_client_stays_connected_behind_a_backlog_of_over_a_minute()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.App.WebSocketAddress("/ws?channel=slow.http2"));
        await Redis.WhenChannelIsLiveAsync(app.App, "slow.http2");
        await Redis.PublishAllAsync("slow.http2", Enumerable.Repeat((RedisValue)new byte[8_000], 70 * 50));

        await app.AdvanceAsync(65, async () =>
        {
            for (var n = 0; n < 50; n++)
                (await client.ReadMessageAsync()).Payload.Should().HaveCount(8_000);
        });

        app.Connections.Should().Be(1);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_that_does_not_answer_a_close_is_aborted_after_5_seconds(Listen listen)
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress());
        await app.WhenThereAreAsync(1);
        await client.SendAsync(Frame.BinaryOpcode, [1]);
        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4400);

        await app.AdvanceAsync(4);
        app.Connections.Should().Be(1);
        await app.AdvanceAsync(3);
        await app.WhenThereAreAsync(0);
    }
}
