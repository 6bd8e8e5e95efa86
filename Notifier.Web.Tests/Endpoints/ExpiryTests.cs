using System.Diagnostics;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Access ends at its expiry, and not before.</summary>
public sealed class ExpiryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Expired = "access has expired; reconnect with a fresh token";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_client_is_notified_before_its_access_expires_and_closed_when_it_has_expired()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, TestToken.Settings);
        await using var client = await ConnectAsync(app, 90);
        await app.WhenThereAreAsync(1);

        await AdvanceAsync(app, client, 59);
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        await app.AdvanceAsync(1);
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"expiring","in":30}""");
        await AdvanceAsync(app, client, 29);
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""", "the client was notified once, and has one second left");
        await app.AdvanceAsync(1);

        var close = await client.Socket.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4401, Expired));
    }

    [Fact]
    public async Task A_client_that_renews_its_token_stays_connected_past_the_old_expiry()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, TestToken.Settings);
        await using var client = await ConnectAsync(app, 90);
        await app.WhenThereAreAsync(1);
        await AdvanceAsync(app, client, 60);
        ((string?)(await client.ReadAsync())["type"]).Should().Be("expiring");

        var renewed = await client.AskAsync($$"""{"type":"auth","id":1,"token":"{{TestToken.Of(app.Now.AddSeconds(200), "expiry.*")}}"}""");
        await AdvanceAsync(app, client, 139);
        var pong = await client.AskAsync("""{"type":"ping"}""");
        await app.AdvanceAsync(1);

        renewed.Bare().Should().Be("""{"type":"authenticated","id":1,"in":200}""");
        pong.Bare().Should().Be("""{"type":"pong"}""");
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"expiring","in":60}""");
    }

    [Fact]
    public async Task A_client_without_anonymous_access_is_closed_unless_it_authenticates_within_10_seconds()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, TestToken.Settings);
        await using var silent = await JsonClient.ConnectAsync(app.App);
        await using var wrong = await JsonClient.ConnectAsync(app.App);
        await using var speaking = await JsonClient.ConnectAsync(app.App);
        await app.WhenThereAreAsync(3);
        await app.AdvanceAsync(8);

        await wrong.SendAsync("""{"type":"auth","token":7}""");
        ((string?)(await wrong.ReadAsync())["code"]).Should().Be("invalid");
        await speaking.AuthenticateAsync(TestToken.Of(app.Now.AddHours(1), "expiry.*"));
        await app.AdvanceAsync(3);

        foreach (var client in new[] { silent, wrong })
            (await client.Socket.ReadUntilCloseAsync()).CloseCode.Should().Be(4504);
        (await speaking.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
    }

    [Fact]
    public async Task A_client_with_anonymous_access_has_no_deadline_to_authenticate()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, [.. TestToken.Settings, "Access:Anonymous:Subscribe:0=news"]);
        await using var client = await JsonClient.ConnectAsync(app.App);
        await app.WhenThereAreAsync(1);

        await app.AdvanceAsync(12);

        (await client.SubscribeAsync("channel", "news")).Should().NotBeNull();
    }

    [Fact]
    public async Task Access_by_the_real_clock_expires_within_about_a_second_on_websockets_and_event_streams()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. TestToken.Settings, "Access:Tokens:AllowTokenInQuery=true"]);
        var end = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 3);
        var token = TestToken.Of(end, "expiry.*");
        await using var json = await JsonClient.ConnectAsync(app, headers: $"Authorization: Bearer {token}\r\n");
        await using var plain = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=expiry.plain"), headers: $"Authorization: Bearer {token}\r\n");
        using var http = new HttpClient();
        using var reader = new StreamReader(await http.GetStreamAsync(new Uri(app.Address, $"/events?channel=expiry.events&access_token={token}")));

        var closes = await Task.WhenAll(json.Socket.ReadUntilCloseAsync(), plain.ReadUntilCloseAsync());
        var closedAt = DateTimeOffset.UtcNow;
        var events = await reader.ReadToEndAsync().WaitAsync(Eventually.Limit);
        var endedAt = DateTimeOffset.UtcNow;

        closes.Should().AllSatisfy(close => (close.CloseCode, close.CloseText).Should().Be((4401, Expired)));
        foreach (var at in new[] { closedAt, endedAt })
            at.Should().BeOnOrAfter(end).And.BeBefore(end.AddSeconds(1.5), "the stream ends within a second, plus the delay of this machine");
        events.Should().EndWith($"data: {{\"type\":\"error\",\"code\":\"unauthorized\",\"message\":\"{Expired}\"}}\n\n");
    }

    [Fact]
    public async Task A_thousand_connections_that_expire_in_the_same_second_are_all_closed()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, TestToken.Settings);
        var token = TestToken.Of(app.Now.AddSeconds(30), "expiry.*");
        var clients = new List<RawWebSocket>();
        while (clients.Count < 1_000)
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => RawWebSocket.ConnectAsync(
                app.App.WebSocketAddress("/ws?channel=expiry.thousand"), headers: $"Authorization: Bearer {token}\r\n"))));
        await app.WhenThereAreAsync(1_000);
        await Redis.WhenChannelIsLiveAsync(app.App, "expiry.thousand", subscribers: 1_000);
        await app.AdvanceAsync(29);
        await Redis.PublishAsync("expiry.thousand", "the last");
        foreach (var client in clients)
            (await client.ReadTextAsync()).Should().Be("the last");

        var watch = Stopwatch.StartNew();
        await app.AdvanceAsync(1);
        foreach (var client in clients)
            (await client.ReadMessageAsync()).CloseCode.Should().Be(4401);

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        foreach (var client in clients)
            await client.SendCloseAsync(4401);
        await Eventually.IsAsync(() => app.App.Hub.CountSubscribers(Name.Channel("expiry.thousand")) == 0, "no client is subscribed to the channel");
        await clients.DisposeAllAsync();
    }

    /// <summary>Moves the clock while the client answers pings, so that Notifier does not close it.</summary>
    private static Task AdvanceAsync(SweptApp app, JsonClient client, int seconds) =>
        app.AdvanceAsync(seconds, () => app.HearAsync(() => client.Socket.SendAsync(Frame.PongOpcode, [])));

    private static Task<JsonClient> ConnectAsync(SweptApp app, int seconds) =>
        JsonClient.ConnectAsync(app.App, headers: $"Authorization: Bearer {TestToken.Of(app.Now.AddSeconds(seconds), "expiry.*")}\r\n");
}
