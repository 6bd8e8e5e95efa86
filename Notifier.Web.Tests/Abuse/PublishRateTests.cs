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
}
