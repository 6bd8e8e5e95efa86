using System.Diagnostics;
using System.Globalization;
using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// A visitor who may publish on some durable channels once kept everybody from resuming patterns of others, because all channels with new messages counted.
/// And to find the last messages of a pattern, Notifier looked at all durable channels.
/// </summary>
public sealed class OtherChannelsTests : IAsyncLifetime
{
    private RedisServer redis = null!;
    private NotifierApp app = null!;
    private string before = "";

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        app = await Publishing.StartAsync(redis.Configuration, "History:Durable:Channels:0=*");
        await app.WhenJournalExistsAsync();
        before = await redis.PublishDurablyAsync("orders.6", "before");
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Theory]
    [InlineData("orders.*", "chat.")]
    [InlineData("tenant:1:orders:*", "tenant:2:")]
    [InlineData("a/b/c/*", "a/b/d/")]
    public async Task A_client_resumes_a_pattern_whatever_was_published_on_channels_with_other_first_parts(string pattern, string others)
    {
        var own = pattern[..^1];
        await redis.PublishDurablyAsync(own + "7", "one");
        await AddChannelsAsync(others, Journal.MaxChannels + 100);
        await redis.PublishDurablyAsync(own + "8", "two");
        await using var client = await JsonClient.ConnectAsync(app);

        var began = Stopwatch.GetTimestamp();
        var answer = await client.AskAsync(Json.Subscribe("pattern", pattern, $"\"after\":\"{before}\""));
        var took = Stopwatch.GetElapsedTime(began);

        ((bool?)answer["recovered"]).Should().BeTrue(answer.ToJsonString());
        ((string?)(await client.ReadAsync())["data"]).Should().Be("one");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("two");
        if (others == "chat.")
        {
            AbuseTable.Add(
                "messages on 10,100 new channels `chat.…`, on which it may publish", "patterns with other first parts, such as `orders.*`, resume as before",
                $"another visitor resumed `orders.*` in {took.TotalMilliseconds:0} ms");
        }
    }

    [Theory]
    [InlineData("orders.zz*", 1)]
    [InlineData("*zz", 10)]
    public async Task The_last_messages_of_a_pattern_are_looked_for_in_a_limited_number_of_channels(string pattern, int scans)
    {
        await AddChannelsAsync("user.", 100_000);
        await redis.PublishDurablyAsync("orders.7", "one");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", pattern);
        await client.SendAsync($$"""{"type":"unsubscribe","pattern":"{{pattern}}"}""");
        await client.ReadAsync();
        var earlier = await ScansAsync();

        var began = Stopwatch.GetTimestamp();
        await client.AskAsync(Json.Subscribe("pattern", pattern, "\"last\":1"));
        var took = Stopwatch.GetElapsedTime(began);
        var later = await ScansAsync();

        (later.Calls - earlier.Calls).Should().BeLessThanOrEqualTo(scans + 1);
        AbuseTable.Add(
            $"a `subscribe` to `{pattern}` with `last: 1`, which matches none of 100,000 durable channels",
            scans == 1 ? "only channels under `orders.` are looked at" : "10,000 channels are looked at",
            string.Create(CultureInfo.InvariantCulture, $"{took.TotalMilliseconds:0} ms, in Redis {(later.Microseconds - earlier.Microseconds) / 1000.0:0.0} ms"));
    }

    [Fact]
    public async Task The_last_messages_of_a_pattern_are_found_behind_any_number_of_other_channels()
    {
        await AddChannelsAsync("chat.", JournalChannels.MaxScanned + 100);
        await using var client = await JsonClient.ConnectAsync(app);

        await client.AskAsync(Json.Subscribe("pattern", "orders.*", "\"last\":1"));

        ((string?)(await client.ReadAsync())["data"]).Should().Be("before");
    }

    [Fact]
    public async Task An_index_expires_only_after_the_messages_of_its_channels()
    {
        const string index = "{notifier}:channels:orders.";
        var database = redis.Connection.GetDatabase();
        (await database.KeyTimeToLiveAsync(index)).Should().BeCloseTo(TimeSpan.FromDays(2), TimeSpan.FromMinutes(1));
        (await database.SortedSetScoreAsync(index, "orders.6")).Should().Be(JournalPosition.Parse(before)!.Value.Id);

        // The channel's previous message is of an earlier quarter of the age, or of an earlier script; or the channel is new.
        await database.SortedSetAddAsync("{notifier}:channels", "orders.6", JournalPosition.Parse(before)!.Value.Id - (7L * 3_600_000_000));
        await RenewsAsync(() => redis.PublishDurablyAsync("orders.6", ""));
        await redis.Connection.PublishWithEarlierScriptAsync("orders.6", "");
        await RenewsAsync(() => redis.PublishDurablyAsync("orders.6", ""));
        await RenewsAsync(() => redis.PublishDurablyAsync("orders.7", ""));

        async Task RenewsAsync(Func<Task> publish)
        {
            await database.KeyExpireAsync(index, TimeSpan.FromMinutes(1));
            await publish();
            (await database.KeyTimeToLiveAsync(index)).Should().BeGreaterThan(TimeSpan.FromDays(1));
        }
    }

    /// <summary>Adds channels with messages, as if these were published; the script would take seconds.</summary>
    private async Task AddChannelsAsync(string parts, int count)
    {
        var first = JournalPosition.Parse(before)!.Value.Id + 1;
        string[] indexes = [.. Enumerable.Range(1, parts.Length).Where(length => parts[length - 1] is '.' or ':' or '/').Select(length => ":" + parts[..length])];
        foreach (var some in Enumerable.Range(0, count).Chunk(10_000))
        {
            SortedSetEntry[] entries = [.. some.Select(n => new SortedSetEntry($"{parts}{n}", first + n))];
            foreach (var index in indexes.Prepend(""))
                await redis.Connection.GetDatabase().SortedSetAddAsync($"{{notifier}}:channels{index}", entries);
        }
    }

    /// <summary>Commands that read the set of channels, and their time in Redis.</summary>
    private async Task<(long Calls, long Microseconds)> ScansAsync()
    {
        var (calls, microseconds) = (0L, 0L);
        foreach (var (command, text) in (await redis.Server.InfoAsync("commandstats")).SelectMany(static section => section))
        {
            if (command is not ("cmdstat_zrevrangebyscore" or "cmdstat_zrevrange" or "cmdstat_zrange"))
                continue;
            var values = text.Split(',').Select(static pair => pair.Split('=')).ToDictionary(static pair => pair[0], static pair => pair[1]);
            calls += long.Parse(values["calls"], CultureInfo.InvariantCulture);
            microseconds += long.Parse(values["usec"], CultureInfo.InvariantCulture);
        }
        return (calls, microseconds);
    }
}
