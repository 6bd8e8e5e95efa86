using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The commands of <c>notifier.v1</c>, and their answers.</summary>
public sealed class CommandTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_first_frame_is_a_welcome_with_keep_alive_limits_and_connection_id()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["Limits:NamesPerConnection=7"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await using var other = await JsonClient.ConnectAsync(app);

        client.Socket.Handshake.Should().Contain("Sec-WebSocket-Protocol: notifier.v1");
        ((string?)client.Welcome["type"]).Should().Be("welcome");
        ((int?)client.Welcome["keepAlive"]).Should().Be(25);
        ((int?)client.Welcome["limits"]!["namesPerConnection"]).Should().Be(7);
        ((int?)client.Welcome["limits"]!["payloadBytes"]).Should().Be(512 * 1024);
        ((string?)client.Welcome["connection"]).Should().HaveLength(16).And.NotBe((string?)other.Welcome["connection"]);
    }

    [Fact]
    public async Task A_client_subscribes_to_a_channel_receives_a_message_and_unsubscribes()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);

        var subscribed = await client.AskAsync("""{"type":"subscribe","channel":"commands.one","id":1}""");
        await Redis.PublishAsync("commands.one", "hello");
        var message = await client.ReadAsync();
        var unsubscribed = await client.AskAsync("""{"type":"unsubscribe","channel":"commands.one","id":"two"}""");

        subscribed.Bare().Should().Be("""{"type":"subscribed","id":1,"channel":"commands.one"}""");
        message.Bare().Should().Be("""{"type":"message","channel":"commands.one","data":"hello"}""");
        ((string?)message["position"]).Should().NotBeNull().And.NotBe((string?)subscribed["position"]);
        unsubscribed.Bare().Should().Be("""{"type":"unsubscribed","id":"two","channel":"commands.one"}""");
        app.Hub.CountSubscribers(Name.Channel("commands.one")).Should().Be(0);

        await Redis.PublishAsync("commands.one", "nobody hears that");
        (await client.AskAsync("""{"type":"ping","id":3}""")).Bare().Should().Be("""{"type":"pong","id":3}""");
    }

    [Fact]
    public async Task A_message_of_a_pattern_names_its_channel()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "commands.p*");

        await Redis.PublishAsync("commands.pattern", "\"quoted\" \\ \r\n \u0001 é 😀");

        (await client.ReadAsync()).Bare().Should().Be(
            """{"type":"message","pattern":"commands.p*","channel":"commands.pattern","data":"\"quoted\" \\ \r\n \u0001 é """ + "\\uD83D\\uDE00\"}");
    }

    [Fact]
    public async Task A_channel_whose_name_contains_a_star_is_not_a_pattern()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "commands.star*");

        await Redis.PublishAsync("commands.stars", "not this");
        await Redis.PublishAsync("commands.star*", "this");

        ((string?)(await client.ReadAsync())["data"]).Should().Be("this");
    }

    [Fact]
    public async Task Binary_payloads_and_channel_names_are_delivered_as_base64()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "commands.b*");

        await Redis.Connection.GetSubscriber().PublishAsync(
            StackExchange.Redis.RedisChannel.Literal([.. "commands.b"u8, 0xFF]), new byte[] { 0xC3, 0x28, 0 });

        (await client.ReadAsync()).Bare().Should().Be(
            $$"""{"type":"message","pattern":"commands.b*","channelBase64":"{{Convert.ToBase64String([.. "commands.b"u8, 0xFF])}}","base64":"{{Convert.ToBase64String([0xC3, 0x28, 0])}}"}""");
    }

    [Fact]
    public async Task Names_in_the_address_are_confirmed_or_rejected_like_those_in_commands()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app, "/ws?channel=commands.address&channel=__reserved");

        // The rejection does not wait for Redis, so it may arrive first.
        string[] answers = [(await client.ReadAsync()).Bare(), (await client.ReadAsync()).Bare()];
        answers.Should().Contain("""{"type":"subscribed","channel":"commands.address"}""");
        answers.Should().ContainSingle(answer => answer.StartsWith("""{"type":"error","channel":"__reserved","code":"forbidden",""", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_second_subscribe_to_the_same_name_is_confirmed_and_changes_nothing()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        var first = await client.SubscribeAsync("channel", "commands.twice");

        var second = await client.AskAsync("""{"type":"subscribe","channel":"commands.twice","id":2}""");
        await Redis.PublishAsync("commands.twice", "once");

        second.Bare().Should().Be("""{"type":"subscribed","id":2,"channel":"commands.twice"}""");
        ((string?)second["position"]).Should().Be((string?)first["position"]);
        ((string?)(await client.ReadAsync())["data"]).Should().Be("once");
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        app.Hub.CountSubscribers(Name.Channel("commands.twice")).Should().Be(1);
    }

    [Fact]
    public async Task A_binary_or_oversized_frame_closes_a_json_connection()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var binary = await JsonClient.ConnectAsync(app);
        await using var big = await JsonClient.ConnectAsync(app);

        await binary.Socket.SendAsync(Frame.BinaryOpcode, "{\"type\":\"ping\"}"u8.ToArray());
        await big.SendAsync($$"""{"type":"ping","id":"{{new string('x', 9_000)}}"}""");

        (await binary.Socket.ReadUntilCloseAsync()).CloseCode.Should().Be(4400);
        (await big.Socket.ReadUntilCloseAsync()).CloseCode.Should().Be(4413);
    }

    [Fact]
    public async Task A_burst_of_10000_commands_is_answered_in_order_if_the_limits_allow_it()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Limits:CommandBurst=1000000", "Limits:CommandsPerSecond=1000000"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "commands.burst");

        var sending = Task.Run(async () =>
        {
            for (var n = 0; n < 10_000; n++)
                await client.SendAsync(n % 2 == 0 ? $$"""{"type":"subscribe","channel":"commands.burst","id":{{n}}}""" : $$"""{"type":"ping","id":{{n}}}""");
        });

        for (var n = 0; n < 10_000; n++)
        {
            var answer = await client.ReadAsync();
            ((int?)answer["id"], (string?)answer["type"]).Should().Be((n, n % 2 == 0 ? "subscribed" : "pong"));
        }
        await sending;
        app.Hub.CountSubscribers(Name.Channel("commands.burst")).Should().Be(1);
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_answers_is_not_read_from_until_it_does()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Limits:CommandBurst=1000000", "Limits:CommandsPerSecond=1000000"]);
        await using var client = await JsonClient.ConnectAsync(app, receiveBuffer: 4096);
        var connection = await app.OnlyConnectionAsync();

        // Each answer is longer than the command, so the server's send buffer fills before the client's.
        var command = RawWebSocket.Masked(Frame.TextOpcode, System.Text.Encoding.UTF8.GetBytes("[]"));
        var flood = Enumerable.Repeat(command, 1_000).SelectMany(bytes => bytes).ToArray();
        var sending = Task.Run(async () =>
        {
            for (var n = 0; n < 100; n++)
                await client.Socket.SendRawAsync(flood);
        });
        var (reads, still) = (-1, 0);
        await Eventually.IsAsync(
            () =>
            {
                still = connection.Reads == reads ? still + 1 : 0;
                reads = connection.Reads;
                return still == 40;
            },
            "the server has stopped reading");

        for (var n = 0; n < 100_000; n++)
            ((string?)(await client.ReadAsync())["code"]).Should().Be("invalid");
        await sending;
        connection.Reads.Should().BeGreaterThan(reads, "the server had unread bytes when it stopped");
    }
}
