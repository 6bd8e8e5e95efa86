using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>The names in an address (URL): how many, and what it costs to check them.</summary>
public sealed class NamesInAddressTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("channel", 129, "the address has more than 128 names (Limits:NamesPerConnection)")]
    [InlineData("pattern", 17, "the address has more than 16 patterns (Limits:PatternsPerConnection)")]
    public async Task An_address_with_too_many_names_is_rejected_with_the_setting(string kind, int count, string reason)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var query = "?" + string.Join('&', Enumerable.Range(0, count).Select(n => $"{kind}=many.{n}"));
        using var events = await EventClient.OpenAsync(app, query);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws" + query));

        events.Response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        ((string?)JsonNode.Parse(await events.ReadAllAsync())!["detail"]).Should().Be(reason);
        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4400, reason));
    }

    [Fact]
    public async Task As_many_names_as_a_connection_may_have_are_accepted_in_an_address()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var events = await EventClient.OpenAsync(app, "?" + string.Join('&', Enumerable.Range(0, 128).Select(n => n < 16 ? $"pattern=fit.{n}.*" : $"channel=fit.{n}")));

        for (var n = 0; n < 128; n++)
            ((string?)(await events.NextAsync())["type"]).Should().Be("subscribed");
    }

    [Fact]
    public async Task An_address_that_sends_expensive_patterns_again_and_again_is_refused_and_others_connect()
    {
        const int PerSecond = 10;
        string[] granted = [.. Enumerable.Range(0, 20).SelectMany(static n => new[] { "*a" + new string('?', n), "*[^a]" + new string('?', n) })];
        var names = string.Join('&', Enumerable.Range(0, 16).Select(static n => "pattern=" + Uri.EscapeDataString("*" + new string('?', 20 + n))));
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: [
                "environment=Production", "ForwardedHeaders:KnownProxies:0=127.0.0.1", $"Limits:RequestsPerSecond={PerSecond}",
                .. granted.Select(static (name, n) => $"Access:Anonymous:Subscribe:{n}={name}"),
            ]);
        var clock = Stopwatch.StartNew();
        var requests = 0;

        using var slowly = RealTime.Pace(TimeSpan.FromMilliseconds(300));       // the address has new permits by then, but also a debt
        await Eventually.IsAsync(
            async () =>
            {
                await slowly.WaitForNextTickAsync();
                requests++;
                using var events = await EventClient.OpenAsync(app, $"?{names}", headers: ("X-Forwarded-For", "198.51.100.7"));
                return (await events.ReadAllAsync()).Contains("Limits:RequestsPerSecond", StringComparison.Ordinal);
            },
            "the address has used its share");

        AbuseTable.Add(
            "again and again 16 patterns in a URL that are expensive to compare with an unusual grant",
            "a millisecond of processor time for each of `Limits:RequestsPerSecond`", $"refused after {requests} requests with 10 requests a second");
        requests.Should().BeLessThan(50);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
        using var other = await EventClient.OpenAsync(app, "?channel=names.a", headers: ("X-Forwarded-For", "198.51.100.8"));
        ((string?)(await other.NextAsync())["type"]).Should().Be("subscribed");
        using var same = await EventClient.OpenAsync(app, "?channel=names.a", headers: ("X-Forwarded-For", "198.51.100.7"));
        ((string?)(await same.NextAsync())["type"]).Should().Be("subscribed", "a channel is not expensive");
    }
}
