using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>If WebSockets are blocked, the client uses event streams. If the server is overloaded, the client does not.</summary>
public sealed class ClientEventStreamTests(BrowserFixture browser, RedisFixture redis) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string NoWebSockets =
        """
        globalThis.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" })); } send() { } close() { } };
        """;

    [Fact]
    public async Task A_client_whose_websockets_are_blocked_receives_messages_by_event_stream()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.HasWebSockets = false;
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync("chance = 0.01; observe(new Notifier(undefined, { token: 'secret' })); notifier.channel('a', hear); notifier.pattern('b.*', hear)");

        var stream = await fake.AcceptAsync();
        (stream.Query, stream.Authorization).Should().Be(("channel=a&after=&last=&pattern=b.*&after=&last=", "Bearer secret"));
        await client.LogsAsync("state connected");
        await stream.SendAsync(new { type = "message", pattern = "b.*", channel = "b.1", data = "two\nlines", position = "p1" });
        await client.LogsAsync("b.1: two\nlines");

        await client.DoAsync("notifier.channel('c', hear)");
        var next = await fake.AcceptAsync();
        next.Query.Should().Be("channel=a&after=&last=&pattern=b.*&after=p1&last=&channel=c&after=&last=");
        await stream.Ended.Task.WaitAsync(Eventually.Limit);

        await next.SendAsync(new { type = "closing", retryAfter = 0.03 });
        next.Ended.TrySetResult();
        (await fake.AcceptAsync()).Query.Should().Be(next.Query);
        fake.Requests.Count(request => request == "/ws").Should().Be(2, "the client replaces an ended stream with a stream");
    }

    /// <summary>A proxy, or the application behind it, answers in place of Notifier.</summary>
    [Theory]
    [InlineData(200, "text/html", "<h1>Log in</h1>", "error 200", "no event stream: HTTP 200 text/html")]
    [InlineData(302, "text/html", "", "error 302", "no event stream: HTTP redirect ")]
    [InlineData(404, "text/html", "<h1>Not found</h1>", "error 404", "no event stream: HTTP 404 text/html")]
    [InlineData(429, "application/problem+json", "{\"detail\":\"too many connections\"}", "error 429", "too many connections")]
    [InlineData(401, "text/html", "<h1>Log in</h1>", "error 4401", "no event stream: HTTP 401 text/html")]
    [InlineData(403, "text/html", "<h1>Forbidden</h1>", "error 4403", "no event stream: HTTP 403 text/html")]
    public async Task An_answer_that_is_no_event_stream_is_an_error_that_says_what_it_is(int status, string type, string body, string error, string message)
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.HasWebSockets = false;
        fake.EventsAnswer = status == 302 ? Results.Redirect("/") : Results.Content(body, type, statusCode: status);
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);

        await client.DoAsync(
            "chance = 0.01; observe(new Notifier()); notifier.addEventListener('error', ({ detail }) => log.push(detail.message)); notifier.channel('a', hear)");

        await client.LogsAsync(error);
        await client.LogsAsync(message);
        (await client.LogAsync()).Should().NotContain("state connected").And.Contain(status is 401 or 403 ? "state refused" : "state waiting");
    }

    /// <summary>Otherwise a page that stays open for days ends up with event streams.</summary>
    [Fact]
    public async Task A_client_whose_websockets_fail_twice_but_not_in_a_row_stays_with_websockets()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.HasWebSockets = false;
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        await client.LogsAsync("state waiting");
        fake.HasWebSockets = true;
        await client.Page.Clock.RunForAsync(500);
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        fake.HasWebSockets = false;
        connection.Abort();
        await client.LogsAsync("state waiting", times: 2);
        await client.Page.Clock.RunForAsync(1_000);
        await Eventually.IsAsync(() => fake.Requests.Count(static request => request == "/ws") == 3, "the client tries a WebSocket, which fails");
        await client.DelayAsync(3);
        fake.HasWebSockets = true;
        await client.Page.Clock.RunForAsync(2_000);

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
        fake.Requests.Should().NotContain("/events");
    }

    /// <summary>Firefox delays WebSockets to a host that has refused some, by up to a minute.</summary>
    [Fact]
    public async Task A_client_polls_a_node_that_is_not_ready_instead_of_opening_websockets_and_uses_no_event_stream()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.HasWebSockets = false;
        fake.IsReady = false;
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync("chance = 0.001; observe(new Notifier()); notifier.channel('a', hear)");

        await Eventually.IsAsync(() => fake.Requests.Count(request => request == "/healthz/ready") >= 8, "the client polls");

        fake.Requests.Count(request => request == "/ws").Should().Be(1);
        fake.Requests.Should().NotContain("/events");
        (fake.HasWebSockets, fake.IsReady) = (true, true);
        await client.LogsAsync("subscribed a");
    }

    [Fact]
    public async Task A_client_tries_a_websocket_at_every_tenth_poll_that_fails()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.HasWebSockets = false;
        fake.IsReady = false;
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync("chance = 0.001; observe(new Notifier()); notifier.channel('a', hear)");
        await Eventually.IsAsync(() => fake.Requests.Any(request => request == "/healthz/ready"), "the client polls");

        fake.HasWebSockets = true;

        await client.LogsAsync("subscribed a");
        (fake.Requests.Count(request => request == "/healthz/ready") % 10).Should().Be(0);
    }

    [Fact]
    public async Task An_event_stream_whose_token_expires_is_resumed_with_a_fresh_token()
    {
        await using var fake = await FakeNotifier.StartAsync();
        (fake.HasWebSockets, fake.Token) = (false, "t1");
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync("chance = 0.01; let n = 0; observe(new Notifier(undefined, { token: () => `t${++n}` })); notifier.channel('a', hear)");
        var stream = await fake.AcceptAsync();
        await stream.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await client.LogsAsync("a: one");

        fake.Token = "t2";
        await stream.SendAsync(new { type = "expiring", @in = 60 });
        stream = await fake.AcceptAsync();
        (stream.Query, stream.Authorization).Should().Be(("channel=a&after=p1&last=", "Bearer t2"));

        fake.Token = "t3";      // the old token expires without an "expiring" event
        stream.Ended.TrySetResult();
        stream = await fake.AcceptAsync();
        (stream.Query, stream.Authorization).Should().Be(("channel=a&after=p1&last=", "Bearer t3"));

        fake.Token = "nobody has it";
        stream.Ended.TrySetResult();
        await client.LogsAsync("error 4401");
        (await client.LogAsync())[^2..].Should().Equal("state refused", "error 4401");
    }

    [Fact]
    public async Task An_event_stream_of_the_real_server_replaces_an_expiring_token_without_a_gap()
    {
        await using var app = await NotifierApp.StartAsync(
            redis.Redis.Configuration, settings: [.. TestToken.Settings, "Access:AllowedOrigins:0=*"]);
        var page = await browser.NewPageAsync();
        await page.RouteAsync("**/healthz/ready", route => route.FulfillAsync(new() { Status = 200 }));
        await page.AddInitScriptAsync(NoWebSockets);
        var minted = 0;
        // The server sends "expiring" after half of so short a life. To the client, more time has passed: it renews no token within 5 s.
        await page.ExposeFunctionAsync("mint", () => TestToken.Of(DateTimeOffset.UtcNow.AddSeconds(minted++ == 0 ? 6 : 3600), "token.*"));
        await page.AddInitScriptAsync("{ const plain = performance.now.bind(performance); performance.now = () => 3 * plain(); }");
        await using var client = await ClientPage.OpenAsync(page, new Uri(app.Address, "openapi/v1.json").ToString());
        await page.AddScriptTagAsync(new() { Url = new Uri(app.Address, "notifier.js").ToString() });
        await client.DoAsync($"chance = 0.01; observe(new Notifier('{app.Address}', {{ token: mint }})); notifier.channel('token.stream', hear)");

        await client.LogsAsync("subscribed token.stream", times: 2);
        await redis.Redis.PublishAsync("token.stream", "hello");
        await client.LogsAsync("token.stream: hello");

        minted.Should().Be(2);
        (await client.LogAsync()).Should().NotContain(line => line.StartsWith("gap", StringComparison.Ordinal));
    }

    /// <summary>A proxy that blocks WebSockets, in front of the real server. Only the readiness answer is simulated.</summary>
    [Fact]
    public async Task An_event_stream_of_the_real_server_delivers_and_a_rejected_name_does_not_end_the_others()
    {
        await using var app = await NotifierApp.StartAsync(redis.Redis.Configuration);
        var page = await browser.NewPageAsync();
        await page.RouteAsync("**/healthz/ready", route => route.FulfillAsync(new() { Status = 200 }));
        await page.AddInitScriptAsync(NoWebSockets);
        await using var client = await ClientPage.OpenAsync(page, new Uri(app.Address, "openapi/v1.json").ToString());
        await page.AddScriptTagAsync(new() { Url = new Uri(app.Address, "notifier.js").ToString() });
        await client.DoAsync($"chance = 0.01; observe(new Notifier('{app.Address}')); notifier.channel('event.stream', hear)");
        await client.LogsAsync("subscribed event.stream");

        await redis.Redis.PublishAsync("event.stream", "hello");

        await client.LogsAsync("event.stream: hello");

        // A rejected name does not end the other subscriptions.
        await client.DoAsync("notifier.channel('__reserved', hear)");
        await client.LogsAsync("error __reserved forbidden");
        await client.LogsAsync("subscribed event.stream", times: 2);
        await redis.Redis.PublishAsync("event.stream", "hello again");
        await client.LogsAsync("event.stream: hello again");
    }
}
