using System.Diagnostics;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>One visitor invents cookies. Each needs a request to the application, and other visitors wait for the same limited number of requests.</summary>
public sealed class CallbackFloodTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Requests = 900;

    [Fact]
    public async Task Invented_cookies_of_one_address_do_not_delay_visitors_of_other_addresses()
    {
        await using var application = await Application.StartAsync();
        var flood = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = async context =>
        {
            if (!IsGenuine(context))
                await flood.Task;
            await Application.Grant("""{"sub":"42","subscribe":["callback.*"],"expiresIn":300}""")(context);
        };
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: ["environment=Production", $"Access:Callback:Url={application.Address}/", "Access:Callback:Timeout=00:00:20", "ForwardedHeaders:KnownProxies:0=127.0.0.1"]);
        using var http = new HttpClient();
        var invented = Enumerable.Range(0, Requests).Select(n => AskAsync(http, app, $"session=invented-{n}", "203.0.113.5")).ToList();
        await Eventually.IsAsync(() => application.Asked.Count >= 3, "the flood has reached the application");
        var watch = Stopwatch.StartNew();

        for (var n = 0; n < 20; n++)
            (await AskAsync(http, app, $"session=genuine-{n}", $"198.51.100.{n}")).Should().Be(404, "the caller is known, and no channel is durable");

        var perVisitor = watch.Elapsed / 20;
        var taken = application.Asked.Count(static one => one.Contains("invented", StringComparison.Ordinal));
        taken.Should().Be(3, "a twentieth of Access:Callback:Concurrency, which is 64");
        perVisitor.Should().BeLessThan(TimeSpan.FromSeconds(1));
        flood.SetResult();
        await Task.WhenAll(invented);
        AbuseTable.Add(
            $"{Requests} requests with invented cookies, from one address (callback)", "a twentieth of `Access:Callback:Concurrency`; no delay for other addresses",
            $"{taken} of 64; another visitor waited {perVisitor.TotalMilliseconds:0} ms");
    }

    /// <summary>All clients may have the address of a proxy that is not configured. Even then one of them that comes directly does not take everything.</summary>
    [Fact]
    public async Task Invented_cookies_of_an_address_that_may_be_that_of_a_proxy_take_at_most_half()
    {
        await using var application = await Application.StartAsync();
        var flood = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = async context =>
        {
            await flood.Task;
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        };
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: ["environment=Production", $"Access:Callback:Url={application.Address}/", "Access:Callback:Timeout=00:00:20", "Access:Callback:Concurrency=8"]);
        using var http = new HttpClient();
        var invented = Enumerable.Range(0, 50).Select(n => AskAsync(http, app, $"session=invented-{n}", "")).ToList();
        await Eventually.IsAsync(() => application.Asked.Count == 4, "half of them are taken");

        flood.SetResult();

        (await Task.WhenAll(invented)).Should().AllBeEquivalentTo(401);
        application.MaxAtOnce.Should().Be(4);
    }

    [Fact]
    public async Task A_full_node_does_not_ask_the_application_about_event_streams()
    {
        await using var application = await Application.StartAsync();
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: [$"Access:Callback:Url={application.Address}/", "Limits:Connections=1"]);
        await using var client = await JsonClient.ConnectAsync(app);

        using var refused = await EventClient.OpenAsync(app, "?channel=callback.a", headers: ("Cookie", "session=2"));

        ((string?)(await refused.NextAsync())["code"]).Should().Be("overloaded");
        application.Asked.Should().ContainSingle("the other client was identified");
    }

    [Fact]
    public async Task The_application_is_not_asked_about_visitors_who_left_while_they_waited()
    {
        const int Left = 20;
        await using var application = await Application.StartAsync();
        var flood = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = async context =>
        {
            await flood.Task;
            await Application.Grant("""{"sub":"42","subscribe":["callback.*"],"expiresIn":300}""")(context);
        };
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: [$"Access:Callback:Url={application.Address}/", "Access:Callback:Timeout=00:00:30", "Access:Callback:Concurrency=2"]);
        var admission = app.Services.GetRequiredService<Admission>();
        using var first = await AskForEventsAsync(app, "session=first");
        await Eventually.IsAsync(() => application.Asked.Count == 1, "the only turn of the address is taken");
        var left = new List<OpenRequest>();
        for (var n = 0; n < Left; n++)
            left.Add(await AskForEventsAsync(app, $"session=left-{n}"));
        using var stays = await AskForEventsAsync(app, "session=left-0");
        await Eventually.IsAsync(() => admission.Connections == Left + 2, "all wait");

        left.ForEach(static request => request.Dispose());
        await Eventually.IsAsync(() => admission.Connections == 2, "Notifier has noticed that they left");
        flood.SetResult();

        await stays.BeginsAsync();
        application.Asked.Select(static asked => asked.Split(' ')[1]).Should().Equal("session=first", "session=left-0");
    }

    [Fact]
    public async Task Callers_of_one_address_whose_large_cookies_wait_are_refused_beyond_the_memory_for_requests()
    {
        await using var application = await Application.StartAsync();
        var flood = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = async context =>
        {
            await flood.Task;
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        };
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: [$"Access:Callback:Url={application.Address}/", "Access:Callback:Timeout=00:00:20", "Limits:RequestBytes=1048576"]);
        using var http = new HttpClient();
        var cookie = new string('c', 24 * 1024);

        var asking = Enumerable.Range(0, 20).Select(n => AskAsync(http, app, $"session={n}{cookie}", "")).ToList();

        // Each needs 100 KiB, and the address has half of 1 MiB.
        await Eventually.IsAsync(() => asking.Count(static one => one.IsCompleted) == 15, "all but five are refused");
        flood.SetResult();
        (await Task.WhenAll(asking)).GroupBy(static status => status).ToDictionary(static group => group.Key, static group => group.Count())
            .Should().BeEquivalentTo(new Dictionary<int, int> { [401] = 5, [503] = 15 });
        app.Log.Says("(Limits:RequestBytes)").Should().BeTrue();
        (await AskAsync(http, app, $"session=later{cookie}", "")).Should().Be(401, "the memory is free again");
    }

    private static Task<OpenRequest> AskForEventsAsync(NotifierApp app, string cookie) =>
        OpenRequest.SendAsync(app.Address, $"GET /events?channel=callback.a HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n");

    private static bool IsGenuine(HttpContext context) => context.Request.Headers.Cookie.ToString().Contains("genuine", StringComparison.Ordinal);

    private static async Task<int> AskAsync(HttpClient http, NotifierApp app, string cookie, string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/position"));
        request.Headers.TryAddWithoutValidation("Cookie", cookie);
        if (address.Length > 0)
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", address);
        using var answer = await http.SendAsync(request);
        return (int)answer.StatusCode;
    }
}
