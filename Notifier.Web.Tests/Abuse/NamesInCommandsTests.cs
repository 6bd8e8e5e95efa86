using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Names and tokens that take long to check, in commands and in bodies: the time counts for their owner.</summary>
public sealed class NamesInCommandsTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string UsedUp = "has used its time for checking names (Limits:RequestsPerSecond)";

    /// <summary>Names whose union takes long to compare with a pattern.</summary>
    private static readonly string[] Granted = [.. Enumerable.Range(0, 20).SelectMany(static n => new[] { "*a" + new string('?', n), "*[^a]" + new string('?', n) })];

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_address_that_subscribes_to_expensive_patterns_again_and_again_is_refused_and_others_subscribe()
    {
        await using var app = await StartAsync("Limits:RequestsPerSecond=10");
        await using var client = await JsonClient.ConnectAsync(app, headers: "X-Forwarded-For: 198.51.100.7\r\n");
        var commands = 0;

        JsonObject answer;
        do
            answer = await client.AskAsync(Subscribe("pattern", "*" + new string('?', 20 + (commands % 16))));
        while ((string?)answer["code"] != "overloaded" && ++commands < 180);

        ((string?)answer["message"]).Should().Be($"your address {UsedUp}");
        AbuseTable.Add(
            "again and again commands with patterns that are expensive to compare with an unusual grant",
            "a millisecond of processor time for each of `Limits:RequestsPerSecond`", $"refused after {commands} commands with 10 requests a second");
        commands.Should().BeLessThan(100);
        (await client.AskAsync(Subscribe("channel", "names.b")))["type"]!.GetValue<string>().Should().Be("subscribed", "a channel is not expensive");
        await using var other = await JsonClient.ConnectAsync(app, headers: "X-Forwarded-For: 198.51.100.8\r\n");
        (await other.AskAsync(Subscribe("pattern", "*b")))["type"]!.GetValue<string>().Should().Be("subscribed");
    }

    [Fact]
    public async Task An_address_that_posts_names_again_and_again_is_refused_and_others_are_served()
    {
        await using var app = await StartAsync("Limits:RequestsPerSecond=1");
        var form = string.Join('&', Enumerable.Range(0, 128).Select(static n => $"channel={new string('z', 260)}{n}"));     // all are too long

        var answers = new List<string>();
        for (var n = 0; n < 20; n++)
        {
            using var events = await EventClient.PostAsync(app, Form(form), headers: ("X-Forwarded-For", "198.51.100.7"));
            answers.Add(await events.ReadAllAsync());
        }

        answers.Count(static answer => answer.Contains("(Limits:RequestsPerSecond)", StringComparison.Ordinal)).Should().BeInRange(10, 19);
        using var other = await EventClient.PostAsync(app, Form("channel=names.c"), headers: ("X-Forwarded-For", "198.51.100.8"));
        ((string?)(await other.NextAsync())["type"]).Should().Be("subscribed");
    }

    [Fact]
    public async Task A_subject_that_sends_tokens_again_and_again_is_refused_and_keeps_its_access()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: [.. TestToken.Settings, "Limits:CommandBurst=1000000"]);
        var token = TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(10), [.. Enumerable.Range(0, 90).Select(static n => $"room.{n}.*")]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.AuthenticateAsync(token);
        for (var n = 0; n < 16; n++)
            await client.SubscribeAsync("pattern", $"room.{n}.x*");

        var refused = new JsonObject();
        for (var n = 0; n < 10_000 && (string?)refused["code"] is null; n++)
            refused = await client.AskAsync(new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString());

        ((string?)refused["code"], (string?)refused["message"]).Should().Be(("unavailable", $"your subject {UsedUp}"));
        await client.SubscribeAsync("channel", "room.1.a");
        await using var other = await JsonClient.ConnectAsync(app);
        await other.AuthenticateAsync(TestToken.Sign(OfAnotherSubject()));
    }

    private static string Subscribe(string kind, string name) => new JsonObject { ["type"] = "subscribe", [kind] = name }.ToJsonString();

    private static StringContent Form(string form) => new(form, Encoding.ASCII, "application/x-www-form-urlencoded");

    private static JsonObject OfAnotherSubject()
    {
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(10), "room.*");
        payload["sub"] = "43";
        return payload;
    }

    private Task<NotifierApp> StartAsync(params string[] settings) => NotifierApp.StartAsync(
        Redis.Configuration,
        settings: [
            "environment=Production", "ForwardedHeaders:KnownProxies:0=127.0.0.1", .. Granted.Select(static (name, n) => $"Access:Anonymous:Subscribe:{n}={name}"), .. settings,
        ]);
}
