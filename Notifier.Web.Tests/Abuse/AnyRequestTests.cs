using System.Diagnostics;
using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Requests for files, health checks and addresses without a route, handshakes, and what it costs to refuse requests.</summary>
public sealed class AnyRequestTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    /// <summary>With these, an address may send 40 cheap requests at once, and 4 of the others.</summary>
    private static readonly string[] Settings = [.. KnownProxy.Settings, "Limits:RequestsPerSecond=1"];

    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseCookies = false });

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("/notifier.js")]
    [InlineData("/demo.js")]
    [InlineData("/nothing")]
    [InlineData("/publish/../x")]
    [InlineData("/ws")]
    public async Task An_address_that_sends_too_many_cheap_requests_receives_429_and_others_are_served(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => AskAsync(app, path, "198.51.100.7")));

        answers.Count(static answer => answer.Status != HttpStatusCode.TooManyRequests).Should().BeInRange(40, 199);
        answers.First(static answer => answer.Status == HttpStatusCode.TooManyRequests).Text.Should()
            .Contain("your address may send 10 requests a second, including those for files (10 times Limits:RequestsPerSecond)");
        (await AskAsync(app, path, "198.51.100.8")).Status.Should().NotBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Health_checks_are_answered_however_many_there_are()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);

        var answers = await Task.WhenAll(Enumerable.Range(0, 150).Select(_ => AskAsync(app, "/healthz/live", "198.51.100.7")));

        answers.Should().OnlyContain(static answer => answer.Status == HttpStatusCode.OK);
        answers.Should().Contain(static answer => answer.IsLast, "more than 50 of an address do not wait");
    }

    [Fact]
    public async Task A_client_that_ignores_refusals_waits_for_each_and_others_do_not()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);

        var clock = Stopwatch.StartNew();
        var refused = 0;
        for (var n = 0; n < 16; n++)
            refused += (await AskAsync(app, "/notifier.lua", "198.51.100.7")).Status == HttpStatusCode.TooManyRequests ? 1 : 0;
        var waited = clock.Elapsed;
        var fastest = waited;
        for (var n = 0; n < 8; n++)
        {
            clock.Restart();
            await AskAsync(app, "/notifier.lua", "198.51.100.8");
            fastest = clock.Elapsed < fastest ? clock.Elapsed : fastest;
        }

        // On a busy machine requests come so slowly that many are allowed. Refusals come promptly four times at once, and once a second; others after half a second.
        refused.Should().BeLessThanOrEqualTo((int)(4 + waited.TotalSeconds + (2 * waited.TotalSeconds) + 1)).And.BePositive();
        fastest.Should().BeLessThan(TimeSpan.FromSeconds(0.5));
    }

    [Fact]
    public async Task Further_connections_end_after_a_refusal_when_too_many_wait()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => AskAsync(app, "/notifier.lua", "198.51.100.7")));

        // Fifty of an address wait at once.
        answers.Count(static answer => answer is { Status: HttpStatusCode.TooManyRequests, IsLast: true }).Should().BeInRange(1, 196 - 50);
        (await AskAsync(app, "/notifier.lua", "198.51.100.8")).IsLast.Should().BeFalse();
    }

    [Fact]
    public async Task A_flood_of_refused_requests_costs_little_processor_time()
    {
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Plain, [.. KnownProxy.Settings]);
        await FloodAsync(TimeSpan.FromSeconds(1));     // compiles the code
        var before = server.ProcessorTime;
        var clock = Stopwatch.StartNew();

        var requests = await FloodAsync(TimeSpan.FromSeconds(4));

        var cost = server.ProcessorTime - before;
        AbuseTable.Add(
            "requests on 8 connections as fast as it can, also when they are refused", "refusals come no faster than `Limits:RequestsPerSecond`, further ones after half a second",
            $"{cost.TotalSeconds:0.0} s of one processor in {clock.Elapsed.TotalSeconds:0.0} s, {requests:N0} answers");
        cost.Should().BeLessThan(TimeSpan.FromSeconds(2.5));
        requests.Should().BeLessThan(1_000);

        async Task<int> FloodAsync(TimeSpan duration)
        {
            var answers = 0;
            var since = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
            {
                while (since.Elapsed < duration)
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, "/notifier.lua"));
                    request.Headers.Add("X-Forwarded-For", "198.51.100.7");
                    using var answer = await Http.SendAsync(request).WaitAsync(Eventually.Limit);
                    Interlocked.Increment(ref answers);
                }
            }));
            return answers;
        }
    }

    [Theory]
    [InlineData("/notifier.js")]
    [InlineData("/demo.js")]
    public async Task A_list_of_thousands_of_entity_tags_is_not_parsed(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var (current, _) = await TagsAsync(path, null);
        var (_, status) = await TagsAsync(path, $"\"other\", {current}");
        var many = string.Join(',', Enumerable.Range(0, 2_000).Select(static n => $"\"{n}\"")) + "," + current;
        var (_, ignored) = await TagsAsync(path, many);

        status.Should().Be(HttpStatusCode.NotModified);
        ignored.Should().Be(HttpStatusCode.OK);

        async Task<(string Tag, HttpStatusCode Status)> TagsAsync(string file, string? ifNoneMatch)
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(app.Address, file));
            if (ifNoneMatch is not null)
                request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
            using var answer = await Http.SendAsync(request).WaitAsync(Eventually.Limit);
            return (answer.Headers.ETag?.ToString() ?? "", answer.StatusCode);
        }
    }

    private static async Task<Answer> AskAsync(NotifierApp app, string path, string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, app.Address.GetLeftPart(UriPartial.Authority) + path);
        request.Headers.Add("X-Forwarded-For", address);
        using var answer = await Http.SendAsync(request).WaitAsync(Eventually.Limit);
        return new(answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.ConnectionClose == true);
    }

    private sealed record Answer(HttpStatusCode Status, string Text, bool IsLast);
}
