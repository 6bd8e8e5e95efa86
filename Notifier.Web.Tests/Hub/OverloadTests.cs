using System.Globalization;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Messages of a name arrive faster than Notifier can deliver them.</summary>
public sealed partial class OverloadTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Messages = 150_000;

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task Messages_dropped_under_overload_are_a_gap_in_their_place_and_the_log_states_their_number()
    {
        // The large log prevents a close as "too slow".
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["History:Recent:Messages=1000000", "History:Recent:Bytes=200000000"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "overload");
        await using var other = await JsonClient.ConnectAsync(app);
        await other.SubscribeAsync("channel", "overload.end");
        // No step of a pass waits for a browser, so the test blocks the pass with a transport.
        using var goOn = new ManualResetEventSlim();
        var transport = new ScriptedTransport
        {
            Takes = length =>
            {
                goOn.Wait(TimeSpan.FromMinutes(1));
                return length;
            },
        };
        app.Hub.TrySubscribe(SubscriberGroup.Connect(transport), Name.Channel("overload"), static _ => false, static (_, _) => { }, default, out var subscribed, out _).Should().BeTrue();

        await Redis.PublishAllAsync("overload", Enumerable.Range(0, Messages).Select(n => (RedisValue)n));
        // Arrives over the same connection to Redis, so all earlier messages have arrived.
        await Redis.PublishAsync("overload.end", "");
        ((string?)(await other.ReadAsync())["channel"]).Should().Be("overload.end");
        goOn.Set();

        var next = 0;
        var said = await client.ReadAsync();
        for (; (string?)said["type"] == "message"; said = await client.ReadAsync())
            ((string?)said["data"]).Should().Be($"{next++}");
        said.Bare().Should().Be("""{"type":"gap","channel":"overload","code":"overload"}""");
        var told = app.Log.Lines.Select(line => Dropped().Match(line.Text)).Single(match => match.Success);
        (next + int.Parse(told.Groups["count"].ValueSpan, CultureInfo.InvariantCulture)).Should().Be(Messages, "Notifier delivered each message or reported it as dropped");
        await Redis.PublishAsync("overload", "on it goes");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("on it goes");
        app.Hub.Unsubscribe(subscribed.Subscriber);
    }

    [GeneratedRegex("arrive faster than they can be delivered; (?<count>\\d+) were dropped")]
    private static partial Regex Dropped();
}
