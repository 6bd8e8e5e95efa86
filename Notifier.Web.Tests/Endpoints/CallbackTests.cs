using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Notifier asks the application who a client is, and grants nothing that the answer does not contain.</summary>
public sealed class CallbackTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Unavailable = "the application cannot identify you at the moment; try again";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_application_receives_cookies_origin_and_address_once_and_its_answer_applies()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application);
        var own = app.Address.GetLeftPart(UriPartial.Authority);
        await using var client = await JsonClient.ConnectAsync(app, headers: $"Cookie: session=s%20x; b=c\r\nOrigin: {own}\r\n");

        await client.SubscribeAsync("channel", "callback.one");
        await client.SubscribeAsync("channel", "callback.two");
        var refused = await client.AskAsync("""{"type":"subscribe","channel":"other"}""");

        ((string?)refused["code"]).Should().Be("forbidden");
        application.Asked.Should().Equal($"GET session=s%20x; b=c {own} 127.0.0.1");
    }

    [Theory]
    [InlineData(401, 4401, "the application does not know who you are")]
    [InlineData(403, 4403, "the application denies you access")]
    [InlineData(500, 4503, Unavailable)]
    [InlineData(404, 4503, Unavailable)]
    [InlineData(204, 4503, Unavailable)]
    [InlineData(302, 4503, Unavailable)]
    public async Task A_callback_rejection_or_failure_closes_with_its_own_code_and_never_grants_anonymous_access(int status, int code, string text)
    {
        await using var elsewhere = await Application.StartAsync();
        await using var application = await Application.StartAsync();
        application.Answer = Application.Status(status, location: elsewhere.Address);
        await using var app = await StartAsync(application, "Access:Anonymous:Subscribe:0=*");
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=callback.x"), headers: "Cookie: session=1\r\n");

        var close = await client.ReadUntilCloseAsync();

        (close.CloseCode, close.CloseText).Should().Be((code, text));
        app.Log.Says($"the answer has status {status}").Should().Be(code == 4503);
        elsewhere.Asked.Should().BeEmpty("cookies follow no redirect");
        app.Hub.NameCount.Should().Be(0);
    }

    [Theory]
    [InlineData("", "is not JSON")]
    [InlineData("<html>log in</html>", "is not JSON")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("""{"subscribe":["*"]}""", "expiresIn is missing")]
    [InlineData("""{"subscribe":["*"],"expiresIn":0}""", "expiresIn is missing")]
    [InlineData("""{"subscribe":["*"],"expiresIn":"300"}""", "expiresIn is missing")]
    [InlineData("""{"subscribe":"*","expiresIn":300}""", "is not an array of names")]
    [InlineData("""{"subscribe":["__x"],"expiresIn":300}""", "has an invalid name")]
    [InlineData("""{"subscribe":["\ud800"],"expiresIn":300}""", "an entry that is not a string")]
    public async Task An_invalid_callback_answer_is_a_failure_and_the_log_shows_the_reason(string json, string told)
    {
        await using var application = await Application.StartAsync();
        application.Answer = Application.Grant(json);
        await using var app = await StartAsync(application);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4503);

        app.Log.Says(told).Should().BeTrue();
    }

    [Fact]
    public async Task A_slow_or_unreachable_application_counts_as_a_callback_failure()
    {
        var application = await Application.StartAsync();
        application.Answer = static context => Never.AnswersAsync(context.RequestAborted);
        await using var app = await StartAsync(application, "Access:Callback:Timeout=00:00:00.5", "Access:Callback:Concurrency=3");

        var closes = await Task.WhenAll(Enumerable.Range(0, 12).Select(async n =>
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Cookie: session={n}\r\n");
            return await client.ReadUntilCloseAsync();
        }));
        await application.DisposeAsync();
        await using var late = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        closes.Should().AllSatisfy(close => (close.CloseCode, close.CloseText).Should().Be((4503, Unavailable)));
        (await late.ReadUntilCloseAsync()).CloseCode.Should().Be(4503);
        app.Log.Says("no answer within 0.5 s (Access:Callback:Timeout)").Should().BeTrue();
    }

    [Fact]
    public async Task Concurrent_callbacks_are_limited_and_further_clients_wait_for_their_turn()
    {
        await using var application = await Application.StartAsync();
        var hold = new TaskCompletionSource();
        application.Answer = async context =>
        {
            await hold.Task;
            context.Response.StatusCode = 401;
        };
        // An address whose kind is unknown gets half of them.
        await using var app = await StartAsync(application, "Access:Callback:Timeout=00:00:20", "Access:Callback:Concurrency=6");

        var clients = Enumerable.Range(0, 12).Select(async n =>
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Cookie: session={n}\r\n");
            return (await client.ReadUntilCloseAsync()).CloseCode;
        }).ToArray();
        await Eventually.IsAsync(() => application.Asked.Count == 3, "three are asked");
        hold.SetResult();

        (await Task.WhenAll(clients)).Should().AllBeEquivalentTo(4401);
        (application.MaxAtOnce, application.Asked.Count).Should().Be((3, 12));
    }

    [Fact]
    public async Task A_callback_answer_is_cached_for_the_same_cookies_and_a_failure_is_not()
    {
        await using var application = await Application.StartAsync();
        application.Answer = Application.Status(500);
        await using var app = await StartAsync(application, "Access:Callback:CacheFor=00:01:00");

        async Task<int> ConnectAsync(string cookie)
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=other"), headers: $"Cookie: {cookie}\r\n");
            return (await client.ReadUntilCloseAsync()).CloseCode;
        }

        (await ConnectAsync("a=1")).Should().Be(4503);
        application.Answer = Application.Grant("""{"expiresIn":300}""");
        (await ConnectAsync("a=1")).Should().Be(4403, "the application grants nothing");
        (await ConnectAsync("a=1")).Should().Be(4403);
        application.Asked.Should().HaveCount(2);
        application.Answer = Application.Status(401);
        (await ConnectAsync("a=2")).Should().Be(4401);
        (await ConnectAsync("a=1")).Should().Be(4403);
        application.Asked.Should().HaveCount(3);
    }

    [Fact]
    public async Task A_callback_grant_expires_after_the_time_that_the_application_sets()
    {
        await using var application = await Application.StartAsync();
        application.Answer = Application.Grant("""{"sub":7,"subscribe":["callback.*"],"expiresIn":1}""");
        await using var app = await StartAsync(application);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
    }

    [Fact]
    public async Task The_application_is_not_called_for_a_rejected_origin_or_a_request_with_a_token()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application, TestToken.Settings[1..]);
        await using var foreign = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Origin: https://evil.example\r\nCookie: session=1\r\n");
        await using var withToken = await JsonClient.ConnectAsync(
            app, headers: $"Authorization: Bearer {TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), "callback.*")}\r\n");
        await using var withBadToken = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Authorization: Bearer a.b.c\r\n");

        (await foreign.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        await withToken.SubscribeAsync("channel", "callback.token");
        (await withBadToken.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
        application.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task An_event_stream_ends_after_a_callback_rejection_and_retries_after_a_failure()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application, "Access:Callback:CacheFor=00:00:00");
        using var http = new HttpClient();
        var address = new Uri(app.Address, "/events?channel=callback.events");

        application.Answer = Application.Status(401);
        using var unknown = await http.GetAsync(address);
        application.Answer = Application.Status(500);
        using var failed = await http.GetAsync(address);

        unknown.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (failed.StatusCode, await failed.Content.ReadAsStringAsync()).Should().Be(
            (HttpStatusCode.OK, $"retry: 5000\ndata: {{\"type\":\"error\",\"code\":\"overloaded\",\"message\":\"{Unavailable}\"}}\n\n"));
    }

    private Task<NotifierApp> StartAsync(Application application, params string[] settings) => NotifierApp.StartAsync(
        Redis.Configuration, settings: ["environment=Production", $"Access:Callback:Url={application.Address}/notifier", .. settings]);
}
