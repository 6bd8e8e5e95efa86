using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// notifier.lua writes where the nodes read, or fails. It once created a second journal, with an epoch that could be guessed, and visitors saw its lines.
/// </summary>
public sealed class JournalPlaceTests
{
    [Theory]
    [InlineData("redis", "app:{notifier}:journal", "adds the prefix \"app:\"")]
    [InlineData("garnet", "laravel_database_{notifier}:journal", "adds the prefix \"laravel_database_\"")]
    [InlineData("redis", "other", "got the key \"other\"")]
    public async Task A_script_whose_key_is_not_the_journals_fails_and_says_what_to_change(string kind, string key, string because)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await redis.Connection.EnsureJournalAsync();

        var run = () => redis.Connection.GetDatabase().ScriptEvaluateAsync(JournalScripts.Publish, [(RedisKey)key], ["place.a", "x"]);

        (await run.Should().ThrowAsync<RedisServerException>()).Which.Message.Should().StartWith("NOTIFIERKEY").And.Contain(because);
        (await redis.Connection.GetDatabase().KeyExistsAsync(key)).Should().BeFalse();
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task A_script_in_a_database_without_a_journal_fails_and_says_what_to_change(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);

        var run = () => redis.Connection.RunAsync(JournalScripts.Publish, "place.a", "x");

        (await run.Should().ThrowAsync<RedisServerException>()).Which.Message.Should().StartWith(JournalScripts.NoJournal).And.Contain("History:Durable:Channels").And.Contain("database");
        (await redis.Connection.GetDatabase().KeyExistsAsync(JournalScripts.State)).Should().BeFalse();
    }

    [Fact]
    public async Task A_node_creates_the_journal_when_it_starts_and_again_within_seconds_after_redis_has_lost_it()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var plain = await NotifierApp.StartAsync(redis.Configuration);
        await using var app = await redis.StartAppAsync("place.*");
        await Eventually.IsAsync(() => HasJournalAsync(redis), "the node has created the journal");
        var first = await redis.Connection.EpochAsync();

        await redis.Connection.GetServers().Single().FlushAllDatabasesAsync();

        await Eventually.IsAsync(() => HasJournalAsync(redis), "the node has created the journal again");
        var second = await redis.Connection.EpochAsync();
        second.Secret.Should().NotBe(first.Secret);
        second.Key.Should().NotEqual(first.Key);
    }

    [Fact]
    public async Task A_node_that_publishes_just_after_redis_has_lost_its_data_creates_the_journal_first()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await Publishing.StartAsync(redis.Configuration, "History:Durable:Channels:0=place.*");
        for (var n = 0; n < 5; n++)
        {
            await redis.Connection.GetServers().Single().FlushAllDatabasesAsync();

            var answer = await app.PostAsync("/publish", """[{"channel":"place.a","data":"0"},{"channel":"place.a","data":"1"}]""");

            answer.Status.Should().Be(200, answer.Body);
            answer.Json.AsArray().Select(static one => (string)one!["position"]!).Should().BeInAscendingOrder(StringComparer.Ordinal);
        }
    }

    private static async Task<bool> HasJournalAsync(DurableRedis redis) => await redis.Connection.GetDatabase().HashExistsAsync(JournalScripts.State, "inner");
}
