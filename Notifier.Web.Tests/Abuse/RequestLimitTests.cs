using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>No route is without limits: how often an owner may send requests, and how many the node answers at once.</summary>
public sealed class RequestLimitTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string OneASecond = "Limits:RequestsPerSecond=1";
    private const string Key = "a key of a backend, long enough";

    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseCookies = false });

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("GET", "/history/limits.a")]
    [InlineData("GET", "/position")]
    [InlineData("POST", "/publish/limits.a")]
    [InlineData("POST", "/publish")]
    [InlineData("OPTIONS", "/publish/limits.a")]
    [InlineData("POST", "/disconnect")]
    [InlineData("GET", "/openapi/v1.json")]
    [InlineData("GET", "/notifier.lua")]
    [InlineData("GET", "/stats")]
    [InlineData("GET", "/metrics")]
    public async Task An_address_that_sends_too_many_requests_receives_429_on_every_route_and_others_are_served(string method, string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, OneASecond]);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => AskAsync(app, method, path, "198.51.100.7")));

        answers.Count(static answer => answer.Status != 429).Should().BeInRange(4, 19);
        var refused = answers.First(static answer => answer.Status == 429);
        refused.Text.Should().Contain("your address may send 1 requests a second, and 4 times as many at once (Limits:RequestsPerSecond)");
        refused.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero);
        (await AskAsync(app, method, path, "198.51.100.8")).Status.Should().NotBe(429);
        await Eventually.IsAsync(async () => (await AskAsync(app, method, path, "198.51.100.7")).Status != 429, "the address may send requests again");
    }

    [Fact]
    public async Task An_address_that_may_be_a_proxy_may_send_ten_times_as_many_requests()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: OneASecond);
        var answers = await Task.WhenAll(Enumerable.Range(0, 150).Select(_ => AskAsync(app, "GET", "/notifier.lua")));

        answers.Count(static answer => answer.Status == 200).Should().BeInRange(40, 149);
        answers.First(static answer => answer.Status == 429).Text.Should().Contain("your address may send 10 requests a second");
    }

    [Fact]
    public async Task A_subject_has_its_own_limit_whatever_addresses_it_has()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. TestToken.Settings, .. KnownProxy.Settings, OneASecond]);
        var token = TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), "limits.*");
        var answers = await Task.WhenAll(
            Enumerable.Range(1, 20).Select(n => AskAsync(app, "GET", "/history/limits.a", $"198.51.100.{n}", ("Authorization", $"Bearer {token}"))));

        answers.Count(static answer => answer.Status == 404).Should().BeInRange(4, 19);
        answers.First(static answer => answer.Status == 429).Text.Should().Contain("your subject may send 1 requests a second");
    }

    [Fact]
    public async Task A_backend_with_an_api_key_is_not_limited_by_its_address()
    {
        await using var app = await Publishing.StartAsync(
            Redis.Configuration, [.. TestToken.Settings, .. KnownProxy.Settings, OneASecond, "Access:ApiKeys:0:Name=b", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Publish:0=*"]);

        for (var n = 0; n < 20; n++)
            (await AskAsync(app, "POST", "/publish/limits.b", "198.51.100.7", ("X-Api-Key", Key))).Status.Should().Be(200);
        var unknown = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => AskAsync(app, "POST", "/publish/limits.b", "198.51.100.7", ("X-Api-Key", "another key, which is unknown"))));
        unknown.Select(static answer => answer.Status).Distinct().Should().BeEquivalentTo([401, 429]);
    }

    [Fact]
    public async Task Requests_that_never_end_take_only_the_share_of_their_address_and_the_node_serves_others()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:Requests=60"]);
        var open = new List<OpenRequest>();
        for (var n = 0; n < 3; n++)
            open.Add(await EndlessAsync(app, "198.51.100.7"));

        var refused = await AskAsync(app, "GET", "/notifier.lua", "198.51.100.7");

        refused.Status.Should().Be(429);
        refused.Text.Should().Contain("your address has reached its share of 3 requests at once (Limits:Requests)");
        (await AskAsync(app, "GET", "/notifier.lua", "198.51.100.8")).Status.Should().Be(200);
        foreach (var path in new[] { "/", "/notifier.js", "/healthz/live" })
            (await AskAsync(app, "GET", path, "198.51.100.7")).Status.Should().Be(200, path);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "X-Forwarded-For: 198.51.100.7\r\n");
        open.ForEach(static request => request.Dispose());
        await Eventually.IsAsync(async () => (await AskAsync(app, "GET", "/notifier.lua", "198.51.100.7")).Status == 200, "ended requests make room");
    }

    [Fact]
    public async Task A_node_that_answers_as_many_requests_as_it_may_refuses_further_ones_with_503()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:Requests=3"]);
        var open = new List<OpenRequest>();
        for (var n = 1; n <= 3; n++)
            open.Add(await EndlessAsync(app, $"198.51.100.{n}"));

        var refused = await AskAsync(app, "GET", "/notifier.lua", "198.51.100.8");

        refused.Status.Should().Be(503);
        refused.Text.Should().Contain("this server answers 3 requests at once (Limits:Requests)");
        app.Log.Says("requests were rejected").Should().BeTrue();
        open.ForEach(static request => request.Dispose());
    }

    [Fact]
    public async Task The_api_description_is_made_once_and_does_not_contain_what_a_visitor_sent()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);

        var first = await AskAsync(app, "GET", "/openapi/v1.json", null, ("Host", "evil.example"));
        var second = await AskAsync(app, "GET", "/openapi/v1.json");

        first.Text.Should().Be(second.Text).And.NotContain("evil.example");
        ((string?)JsonNode.Parse(second.Text)!["info"]!["title"]).Should().Be("Notifier");
    }

    private static Task<OpenRequest> EndlessAsync(NotifierApp app, string address) =>
        OpenRequest.EndlessAsync(app.Address, "/publish/limits.a", $"X-Forwarded-For: {address}\r\n");

    private static async Task<Answer> AskAsync(NotifierApp app, string method, string path, string? address = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(app.Address, path));
        if (address is not null)
            request.Headers.Add("X-Forwarded-For", address);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await Http.SendAsync(request).WaitAsync(Eventually.Limit);
        return new((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.RetryAfter?.Delta);
    }

    private sealed record Answer(int Status, string Text, TimeSpan? RetryAfter);
}
