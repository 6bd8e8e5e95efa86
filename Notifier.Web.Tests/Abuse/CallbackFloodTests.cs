using System.Diagnostics;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
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
