using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The messages that a client of <c>notifier.v1</c> receives, and the frames that report missing ones.</summary>
public sealed class JsonDeliveryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Burst = 50;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_slow_client_receives_the_exact_number_lost_and_continues_with_the_oldest_kept_message(Listen listen)
    {
        var channel = $"json.slow.{listen}";
        const int kept = 100;
        const int total = 2_000;
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: $"History:Recent:Messages={kept}");
        await using var slow = await JsonClient.ConnectAsync(app, receiveBuffer: 4096);
        await using var other = await JsonClient.ConnectAsync(app);
        await slow.SubscribeAsync("channel", channel);
        await other.SubscribeAsync("channel", channel);

        await PublishAsync(channel, 0, total, other);
        var next = 0;
        JsonObject said;
        while ((string?)(said = await slow.ReadAsync())["type"] == "message")
            NumberOf(said).Should().Be(next++);

        ((string?)said["code"], (long?)said["lost"]).Should().Be(("slow", total - kept - next));
        for (var n = total - kept; n < total; n++)
            NumberOf(await slow.ReadAsync()).Should().Be(n);
        await Redis.PublishAsync(channel, "on it goes");
        ((string?)(await slow.ReadAsync())["data"]).Should().Be("on it goes");
    }

    [Fact]
    public async Task A_gap_omits_the_number_lost_when_another_gap_was_lost_too()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["History:Recent:Messages=100", "Limits:PayloadBytes=5000"]);
        await using var slow = await JsonClient.ConnectAsync(app, receiveBuffer: 4096);
        await using var other = await JsonClient.ConnectAsync(app);
        await slow.SubscribeAsync("channel", "json.gaplost");
        await other.SubscribeAsync("channel", "json.gaplost");

        await PublishAsync("json.gaplost", 0, 1_000, other);
        await Redis.PublishAsync("json.gaplost", new byte[5001]);
        var gap = await other.ReadAsync();
        await PublishAsync("json.gaplost", 1_000, 1_000, other);
        JsonObject said;
        do
            said = await slow.ReadAsync();
        while ((string?)said["type"] == "message");

        gap.Bare().Should().Be("""{"type":"gap","channel":"json.gaplost","code":"tooLarge"}""");
        said.Bare().Should().Be("""{"type":"gap","channel":"json.gaplost","code":"slow"}""");
    }

    [Fact]
    public async Task Clients_of_both_protocols_receive_each_message_once_and_in_order()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var json = await JsonClient.ConnectAsync(app);
        await json.SubscribeAsync("channel", "json.both");
        await using var plain = await RawWebSocket.SubscribeAsync(app, "json.both");
        await Redis.WhenChannelIsLiveAsync(app, "json.both", 2);

        await Redis.PublishAllAsync("json.both", Enumerable.Range(0, 1_000).Select(n => (RedisValue)$"{n}"));

        for (var n = 0; n < 1_000; n++)
        {
            ((string?)(await json.ReadAsync())["data"]).Should().Be($"{n}");
            (await plain.ReadTextAsync()).Should().Be($"{n}");
        }
        (await json.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        (await plain.DrainAsync()).Should().BeEmpty();
    }

    [Theory]
    [InlineData(Listen.Plain, 16 * 1024 + 1)]
    [InlineData(Listen.Plain, 512 * 1024)]
    [InlineData(Listen.Tls, 512 * 1024)]
    public async Task Large_payloads_that_escape_to_six_times_their_size_arrive_whole_at_slow_clients_too(Listen listen, int bytes)
    {
        var channel = $"json.large.{listen}.{bytes}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        var clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => JsonClient.ConnectAsync(app, receiveBuffer: 4096)));
        foreach (var client in clients)
            await client.SubscribeAsync("channel", channel);

        await Redis.PublishAllAsync(channel, [new string('\u0001', bytes), "small", new string('\u0002', bytes)]);

        // One client after the other: while the first reads, the last one stalls.
        foreach (var client in clients)
        {
            ((string?)(await client.ReadAsync())["data"] == new string('\u0001', bytes)).Should().BeTrue();
            ((string?)(await client.ReadAsync())["data"]).Should().Be("small");
            ((string?)(await client.ReadAsync())["data"] == new string('\u0002', bytes)).Should().BeTrue();
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_name_is_confirmed_when_redis_starts_and_the_first_message_follows_the_confirmation()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync("""{"type":"subscribe","channel":"json.early","id":1}""");
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");

        await redis.StartHostAsync();
        var received = 0;
        for (var n = 0; received == 0; n++)
            received = (int)await redis.PublishAsync("json.early", $"{n}") == 1 ? n + 1 : 0;

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"subscribed","id":1,"channel":"json.early"}""");
        ((string?)(await client.ReadAsync())["data"]).Should().Be($"{received - 1}", "this is the first message that Redis delivered");
    }

    [Fact]
    public async Task Names_that_redis_rejects_do_not_count_toward_the_limit()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news");
        await using var app = await RestrictedRedis.ConnectAsync(redis, "Limits:NamesPerConnection=2");
        await using var client = await JsonClient.ConnectAsync(app);
        foreach (var refused in new[] { "a", "b", "c" })
            ((string?)(await client.AskAsync($$"""{"type":"subscribe","channel":"{{refused}}"}"""))["message"]).Should().Contain("ACL");

        (await client.SubscribeAsync("channel", "news")).Bare().Should().Be("""{"type":"subscribed","channel":"news"}""");
    }

    [Fact]
    public async Task The_notifier_subprotocol_is_selected_among_several()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var socket = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Sec-WebSocket-Protocol: soap, notifier.v1\r\n");

        socket.Handshake.Should().Contain("Sec-WebSocket-Protocol: notifier.v1");
        (await socket.ReadTextAsync()).Should().StartWith("""{"type":"welcome",""");
    }

    private async Task PublishAsync(string channel, int from, int count, JsonClient reader)
    {
        for (var n = from; n < from + count; n += Burst)
        {
            await Redis.PublishAllAsync(channel, Enumerable.Range(n, Burst).Select(number => (RedisValue)$"{number} {new string('x', 4_000)}"));
            for (var read = n; read < n + Burst; read++)
                NumberOf(await reader.ReadAsync()).Should().Be(read);
        }
    }

    private static int NumberOf(JsonObject message) => int.Parse(((string)message["data"]!).Split(' ')[0]);
}
