using System.Globalization;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Connections and names that a visitor opens and leaves, again and again.</summary>
public sealed class ChurnTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    /// <summary>With these, an address may leave 4 connections, and replace 16 names, at once.</summary>
    private static readonly string[] Settings = [.. KnownProxy.Settings, "Limits:RequestsPerSecond=1", "Redis:Linger=00:00:00"];

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_address_that_connects_and_leaves_again_and_again_is_refused_and_others_connect()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        var admission = app.Services.GetRequiredService<Admission>();
        var requests = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => OpenRequest.SendAsync(
            app.Address, "GET /events?channel=churn.a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n")));
        foreach (var request in requests)
        {
            await request.BeginsAsync();
            request.Dispose();
        }
        await Eventually.IsAsync(() => admission.Connections == 0, "the connections have ended");

        using (var refused = await EventClient.OpenAsync(app, "?channel=churn.a", headers: ("X-Forwarded-For", "198.51.100.7")))
            (await refused.ReadAllAsync()).Should().Contain("your address opens connections and leaves them at once, again and again (Limits:RequestsPerSecond)");
        await using var socket = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "X-Forwarded-For: 198.51.100.8\r\n");
        await Eventually.IsAsync(
            async () =>
            {
                using var events = await EventClient.OpenAsync(app, "?channel=churn.a", headers: ("X-Forwarded-For", "198.51.100.7"));
                return (string?)(await events.NextAsync())["type"] == "subscribed";
            },
            "the address may connect again after a while");
    }

    [Fact]
    public async Task An_address_that_subscribes_to_ever_new_names_is_refused_and_names_that_exist_are_free()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await using var other = await ConnectAsync(app, "198.51.100.8");
        await other.SubscribeAsync("channel", "churn.known");
        await using var client = await ConnectAsync(app, "198.51.100.7");
        await using var monitor = await RedisMonitor.StartAsync(Redis);
        var names = 0;
        string? refusal = null;

        while (refusal is null && names < 200)
        {
            refusal = (string?)(await client.AskAsync($$"""{"type":"subscribe","channel":"churn.{{names}}"}"""))["message"];
            await client.AskAsync($$"""{"type":"unsubscribe","channel":"churn.{{names}}"}""");
            app.Hub.Sweep();
            names++;
        }

        refusal.Should().Be("your address may replace 4 names a second (4 times Limits:RequestsPerSecond); try again later");
        AbuseTable.Add(
            "subscribes to a new name and leaves it, again and again", "four times `Limits:RequestsPerSecond` new names a second",
            string.Create(CultureInfo.InvariantCulture, $"refused after {names} names with 4 names a second"));
        (await monitor.CommandsAsync()).Count(static line => line.Contains("\"SUBSCRIBE\"", StringComparison.OrdinalIgnoreCase)).Should().BeLessThan(names + 10);
        await client.SubscribeAsync("channel", "churn.known");
        await other.SubscribeAsync("channel", "churn.other");
        await Eventually.IsAsync(
            async () => (string?)(await client.AskAsync("""{"type":"subscribe","channel":"churn.later"}"""))["type"] == "subscribed", "the address may subscribe again");
    }

    [Fact]
    public async Task A_session_with_many_new_names_is_refused_as_a_whole_when_its_address_has_replaced_too_many()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await using (var client = await ConnectAsync(app, "198.51.100.7"))
        {
            for (var n = 0; n < 100; n++)
                await client.SubscribeAsync("channel", $"many.{n}");
        }
        await Eventually.IsAsync(
            () =>
            {
                app.Hub.Sweep();
                return app.Hub.NameCount == 0;
            },
            "the names are no longer subscribed");

        using var refused = await EventClient.OpenAsync(app, Names("new", 17), headers: ("X-Forwarded-For", "198.51.100.7"));
        (await refused.ReadAllAsync()).Should().Contain("your address may replace 4 names a second").And.NotContain("new.0");
        await using var other = await ConnectAsync(app, "198.51.100.8");
        for (var n = 0; n < 17; n++)
            await other.SubscribeAsync("channel", $"known.{n}");
        using var known = await EventClient.OpenAsync(app, Names("known", 17), headers: ("X-Forwarded-For", "198.51.100.7"));
        for (var n = 0; n < 17; n++)
            ((string?)(await known.NextAsync())["type"]).Should().Be("subscribed");

        static string Names(string prefix, int count) => "?" + string.Join('&', Enumerable.Range(0, count).Select(n => $"channel={prefix}.{n}"));
    }

    [Fact]
    public async Task Clients_of_one_address_that_all_connect_at_once_subscribe_to_their_new_names()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);

        var streams = await Task.WhenAll(Enumerable.Range(0, 100).Select(client => EventClient.OpenAsync(
            app, "?" + string.Join('&', Enumerable.Range(0, 5).Select(name => $"channel=phone.{client}.{name}")), headers: ("X-Forwarded-For", "198.51.100.7"))));

        foreach (var events in streams)
        {
            for (var name = 0; name < 5; name++)
                ((string?)(await events.NextAsync())["type"]).Should().Be("subscribed");
            events.Dispose();
        }
    }

    private static Task<JsonClient> ConnectAsync(NotifierApp app, string address) => JsonClient.ConnectAsync(app, headers: $"X-Forwarded-For: {address}\r\n");
}
