using System.Diagnostics;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>
/// Publishing over HTTP while Redis is away, hangs or forbids it: the answer comes soon, and no message is lost silently.
/// </summary>
public sealed class RedisPublisherTests
{
    private const string One = """[{"channel":"away.a","data":"1"},{"channel":"away.b","data":"2"}]""";

    [Fact]
    public async Task A_publish_while_redis_is_away_is_answered_with_503_at_once_and_is_not_sent_later()
    {
        // This Redis logs every command.
        await using var redis = await RedisServer.StartAsync("--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000");
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        (await PublishUntilAsync(app, 200)).Status.Should().Be(200);

        await redis.KillAsync();
        // At first the library may not have noticed, and queues the messages until they time out.
        var racing = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.PostAsync("/publish/away.a", "early")));
        await Eventually.IsAsync(async () => (await app.PostAsync("/publish/away.a", "early")).Detail.StartsWith("Redis is unavailable", StringComparison.Ordinal), "Notifier has noticed");
        var since = Stopwatch.StartNew();
        var answer = await app.PostAsync("/publish/away.a", "late");
        since.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(3), "it waits for no timeout, which is 5 s");
        var many = await app.PostAsync("/publish", One);

        racing.Should().OnlyContain(early => early.Status == 503 && early.RetryAfter == TimeSpan.FromSeconds(1));
        (answer.Status, answer.ContentType, answer.RetryAfter).Should().Be((503, "application/problem+json", TimeSpan.FromSeconds(1)));
        answer.Detail.Should().Be("Redis is unavailable: nothing was published; try again");
        (many.Status, (int?)many.Json["published"]).Should().Be((503, 0));

        await redis.StartHostAsync();
        (await PublishUntilAsync(app, 200)).Status.Should().Be(200);
        var commands = (await redis.Server.SlowlogGetAsync(10_000)).Select(static command => string.Join(' ', command.Arguments)).ToList();
        commands.Should().Contain(static command => command.StartsWith("PUBLISH", StringComparison.Ordinal), "the log of commands contains PUBLISH commands");
        commands.Should().NotContain(
            static command => command.EndsWith(" early", StringComparison.Ordinal) || command.EndsWith(" late", StringComparison.Ordinal),
            "a message answered with 503 is not sent later");
    }

    [Fact]
    public async Task A_publish_while_redis_hangs_is_answered_with_503_which_states_that_it_may_have_been_published()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await PublishUntilAsync(app, 200);
        var before = await PublishesAsync(redis);
        await redis.FreezeAsync();

        var since = Stopwatch.StartNew();
        var answer = await app.PostAsync("/publish/away.a", "hangs");
        var many = await app.PostAsync("/publish", One);
        since.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(6));
        await redis.ThawAsync();

        (answer.Status, answer.Detail).Should().Be((503, "Redis did not answer: it may or may not have been published"));
        answer.RetryAfter.Should().NotBeNull();
        (many.Status, many.Detail, (int?)many.Json["published"]).Should().Be((503, "message 0: Redis did not answer: it may or may not have been published", 0));
        app.Log.Lines.Count(line => line.Level == LogLevel.Warning && line.Text.StartsWith("A message could not be published", StringComparison.Ordinal))
            .Should().Be(2, "each request logs one line");
        app.Log.Lines.Should().NotContain(line => line.Text.Contains("hangs", StringComparison.Ordinal), "payloads are not logged");
        // The kernel had the bytes already, and Redis reads them when it continues. So "may" is correct.
        await Eventually.IsAsync(async () => await PublishesAsync(redis) >= before + 3, "Redis publishes what it received while it hung");
        (await PublishUntilAsync(app, 200)).Status.Should().Be(200);
    }

    [Fact]
    public async Task A_publish_that_the_acl_forbids_is_answered_with_403_and_the_number_of_published_messages()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await Publishing.StartAsync($"{redis.Configuration},user=app,password=opensesame");

        var allowed = await app.PostAsync("/publish/news.a", "hi");
        var refused = await app.PostAsync("/publish/secrets", "hi");
        var mixed = await app.PostAsync(
            "/publish", """[{"channel":"news.a","data":"1"},{"channel":"secrets","data":"2"},{"channel":"news.b","data":"3"}]""");

        allowed.Status.Should().Be(200);
        (refused.Status, refused.Detail, refused.RetryAfter).Should().Be((403, "Redis does not allow Notifier to publish on this channel (its ACL)", null));
        (mixed.Status, mixed.Detail).Should().Be((403, "message 1: Redis does not allow Notifier to publish on this channel (its ACL)"));
        ((int?)mixed.Json["published"]).Should().Be(2);
    }

    private static async Task<PublishAnswer> PublishUntilAsync(NotifierApp app, int status)
    {
        PublishAnswer answer = null!;
        await Eventually.IsAsync(async () => (answer = await app.PostAsync("/publish/away.probe", "")).Status == status, $"publishing is answered with {status}");
        return answer;
    }

    /// <summary>The number of PUBLISH commands since Redis started.</summary>
    private static async Task<long> PublishesAsync(RedisServer redis)
    {
        var line = (await redis.Server.InfoAsync("commandstats")).SelectMany(group => group).FirstOrDefault(pair => pair.Key == "cmdstat_publish").Value;
        return line is null ? 0 : long.Parse(line["calls=".Length..line.IndexOf(',', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);
    }
}
