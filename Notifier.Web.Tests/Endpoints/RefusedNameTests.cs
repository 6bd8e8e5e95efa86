using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Invalid names: the close reason says what is wrong, and what would be valid.</summary>
public sealed class RefusedNameTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    public static TheoryData<string, int, string> Refused { get; } = new()
    {
        { "", 4400, "the channel is empty; send a name such as new-users or notifications.*" },
        { new string('a', 256), 4400, "the channel has 256 bytes; 255 are allowed" },
        { string.Concat(Enumerable.Repeat("é", 128)), 4400, "the channel has 256 bytes; 255 are allowed" },
        { "new\nusers", 4400, "the channel has control characters in it" },
        { "new\0users", 4400, "the channel has control characters in it" },
        { "new\u0085users*", 4400, "the pattern has control characters in it" },
        { "new\u2028users", 4400, "the channel has control characters in it" },
        { "new\u2029users*", 4400, "the pattern has control characters in it" },
        { new string('a', 128) + "*", 4400, "the pattern has 129 bytes; 128 are allowed" },
        { "*a*b*c*d*", 4400, "the pattern has 5 stars; 4 are allowed" },
        { "orders.[]", 4400, "the pattern can match no channel: a [ needs characters and a ] behind it" },
        { "__keyspace@0__:foo", 4403, "the channel is reserved: names that begin with __ or notifier: never reach a browser" },
        { "notifier:probe", 4403, "the channel is reserved: names that begin with __ or notifier: never reach a browser" },
        { "__key*", 4403, "the pattern is reserved: names that begin with __ or notifier: never reach a browser" },
        { @"\n\otifier:*", 4403, "the pattern is reserved: names that begin with __ or notifier: never reach a browser" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task An_invalid_name_in_a_frame_or_in_the_address_closes_with_the_reason(string name, int code, string text)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var asking = await RawWebSocket.SubscribeAsync(app, name);
        await using var arriving = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress($"/ws?{(text.Contains("pattern", StringComparison.Ordinal) ? "pattern" : "channel")}={Uri.EscapeDataString(name)}"));

        foreach (var client in new[] { asking, arriving })
        {
            var close = await client.ReadUntilCloseAsync();
            (close.CloseCode, close.CloseText).Should().Be((code, text));
        }
        app.Hub.NameCount.Should().Be(0);
    }

    [Theory]
    [InlineData("channel=%FF")]
    [InlineData("pattern=a%C3")]
    [InlineData("channel=%ED%A0%80")]                   // a lone surrogate
    [InlineData("channel=new-users&channel=%C0%AF")]    // a slash, written too long
    public async Task A_name_in_the_address_that_is_not_utf8_is_rejected_and_nothing_is_subscribed(string query)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?" + query));

        var close = await client.ReadUntilCloseAsync();

        (close.CloseCode, close.CloseText).Should().Be((4400, "a name in the address is not UTF-8"));
        app.Hub.NameCount.Should().Be(0);
    }

    [Theory]
    [InlineData(255, "")]
    [InlineData(127, "*")]
    public async Task The_longest_allowed_name_can_be_subscribed(int letters, string rest)
    {
        var name = new string('l', letters) + rest;
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.SubscribeAsync(app, name);
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Parse(name)) == 1, "the name has a subscriber");
        await Eventually.IsAsync(async () => await Redis.PublishAsync(new string('l', letters), "hello") == 1, "the name is subscribed");

        (await client.ReadTextAsync()).Should().Be("hello");
    }

    [Theory]
    [InlineData(128, "", "limit of 128 names per connection reached")]
    [InlineData(16, "*", "limit of 16 patterns per connection reached")]
    public async Task A_connection_that_exceeds_its_limit_of_names_or_patterns_is_closed(int most, string suffix, string text)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["Redis:Linger=00:00:00", "Limits:CommandBurst=1000"]);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        for (var n = 0; n < most; n++)
        {
            await client.SendTextAsync($"many.{n}{suffix}");
            await client.SendTextAsync($"many.{n}{suffix}");    // a repeated name counts once
        }
        await client.SendAsync(Frame.PingOpcode, []);
        (await client.ReadMessageAsync()).Opcode.Should().Be(Frame.PongOpcode, "Notifier read every name and rejected none");
        app.Hub.NameCount.Should().Be(most);

        await client.SendTextAsync($"many.{most}{suffix}");

        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4403, text));
        await client.SendCloseAsync(1000);
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the connection has ended");
        Enumerable.Range(0, most + 1).Sum(n => app.Hub.CountSubscribers(Name.Parse($"many.{n}{suffix}"))).Should().Be(0);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task An_unknown_subprotocol_is_accepted_and_then_closed_so_that_a_browser_sees_the_reason(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Sec-WebSocket-Protocol: graphql-ws, soap\r\n");

        client.Handshake.Should().Contain("Sec-WebSocket-Protocol: graphql-ws");
        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4400, "unknown subprotocol; offer notifier.v1, or none"));
    }
}
