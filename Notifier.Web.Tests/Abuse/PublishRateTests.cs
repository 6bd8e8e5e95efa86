using System.Globalization;
using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A visitor who may publish cannot fill Redis.</summary>
public sealed class PublishRateTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Key = "a key of a backend, long enough";
    private const int PayloadBytes = 512 * 1024;
    private const int PerArray = 50;

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_visitor_publishes_a_few_large_payloads_at_once_and_is_then_limited_in_bytes()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, [.. KnownProxy.Settings, "History:Durable:Channels:0=rate.*"]);
        var payload = new byte[PayloadBytes];
        var accepted = 0;

        PublishAnswer answer;
        while ((answer = await app.PostAsync("/publish/rate.bytes", payload)).Status == 200)
            accepted++;

        answer.Status.Should().Be(429);
        answer.Detail.Should().StartWith("your address may publish 16384 bytes a second (Limits:PublishBytesPerSecond)");
        answer.RetryAfter.Should().NotBeNull();
        AbuseTable.Add(
            "payloads of 512 KiB for a durable channel, as fast as it can", "eight of the largest payloads, then `Limits:PublishBytesPerSecond`",
            $"{accepted * PayloadBytes / 1024 / 1024} MiB");
        accepted.Should().BeInRange(8, 9);
        (await app.PostAsync("/publish/rate.bytes", payload, null, ("X-Forwarded-For", "198.51.100.8"))).Status.Should().Be(200, "another address has its own limit");
    }

    /// <summary>A message without a payload costs Redis a kilobyte nevertheless, and on a new channel several.</summary>
    [Theory]
    [InlineData("{0:D7}.{0:D7}.{0:D7}.", "on new durable channels of 255 bytes")]
    [InlineData("same.", "on one durable channel")]
    public async Task A_visitor_who_publishes_empty_payloads_is_limited_in_what_redis_needs_for_them(string channel, string where)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await Publishing.StartAsync(redis.Configuration, [.. KnownProxy.Settings, "History:Durable:Channels:0=*", "Limits:RequestsPerSecond=100000", "Limits:PayloadBytes=65536"]);
        await app.WhenJournalExistsAsync();
        var (before, published) = (await UsedBytesAsync(redis), 0);

        PublishAnswer answer;
        while ((answer = await app.PostAsync("/publish", ArrayOf(channel, published))).Status == 200)
            published += PerArray;

        answer.Status.Should().Be(429);
        answer.Detail.Should().Contain("Limits:PublishBytesPerSecond");
        var cost = await UsedBytesAsync(redis) - before;
        AbuseTable.Add(
            $"messages without a payload {where}, as fast as it can", "as if it were payload: eight of the largest payloads at once (here 512 KiB), then `Limits:PublishBytesPerSecond`",
            string.Create(CultureInfo.InvariantCulture, $"{published:N0} messages, {cost / 1024:N0} KiB in Redis"));
        cost.Should().BeLessThan(1 << 20);
    }

    [Fact]
    public async Task Each_message_of_an_array_counts_as_a_request()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, [.. KnownProxy.Settings, "Limits:RequestsPerSecond=5"]);
        var array = "[" + string.Join(',', Enumerable.Range(0, 10).Select(static n => $$"""{"channel":"rate.array","data":"{{n}}"}""")) + "]";
        (await app.PostAsync("/publish", array)).Status.Should().Be(200);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => app.PostAsync("/publish", array)));

        answers.Should().Contain(static answer => answer.Status == 429 && answer.Detail.Contains("Limits:RequestsPerSecond", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_backend_with_an_api_key_publishes_as_much_as_it_wants()
    {
        await using var app = await Publishing.StartAsync(
            Redis.Configuration, [.. TestToken.Settings, .. KnownProxy.Settings, "Access:ApiKeys:0:Name=b", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Publish:0=*"]);
        var payload = new byte[PayloadBytes];

        for (var n = 0; n < 20; n++)
            (await app.PostAsync("/publish/rate.backend", payload, null, ("X-Api-Key", Key))).Status.Should().Be((int)HttpStatusCode.OK);
    }

    private static string ArrayOf(string channel, int from) => "[" + string.Join(',', Enumerable.Range(from, PerArray).Select(
        n => $$"""{"channel":"{{string.Format(CultureInfo.InvariantCulture, channel, n).PadRight(255, 'x')}}","data":""}""")) + "]";

    private static async Task<long> UsedBytesAsync(RedisServer redis) =>
        long.Parse((await redis.Server.InfoAsync("memory")).Single().Single(static pair => pair.Key == "used_memory").Value, CultureInfo.InvariantCulture);
}
