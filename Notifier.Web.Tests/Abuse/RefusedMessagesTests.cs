using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Messages that Notifier refuses after it has read and parsed them once cost their sender no more than one request.</summary>
public sealed class RefusedMessagesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    /// <summary>With these, an address may send 16 requests at once. A body of 100,000 bytes that is refused counts as 6 further requests.</summary>
    private static readonly string[] Settings =
        [.. KnownProxy.Settings, "Limits:RequestsPerSecond=4", "Limits:PayloadBytes=120000", "Limits:PublishBytesPerSecond=1024"];

    private static readonly string Large = new('x', 100_000);

    private RedisServer Redis => fixture.Redis;

    public static TheoryData<string, string, string, string> Refused { get; } = new()
    {
        { "more messages than the address may ever publish at once", "/publish", ArrayOf(20, "refused.a", Large[..5_000]), "may send 4 requests a second" },
        { "more messages than an array may have", "/publish", ArrayOf(1_001, "refused.a", Large[..100]), "send 1 to 1000 messages" },
        { "an array that is not valid", "/publish", $"""[["{Large}"]]""", "send [{" },
        { "a reserved channel", "/publish", ArrayOf(1, "__refused", Large), "the channel is reserved" },
        { "a payload that is too large", "/publish", ArrayOf(1, "refused.a", $"{Large}{Large}"), "the payload is larger than 120000 bytes" },
        { "a line of the journal in an array", "/publish", ArrayOf(1, "refused.a", $"notifier/1 epoch=a id=2 prev=1\\n{Large}"), "looks like one of Notifier's own" },
        { "a line of the journal", "/publish/refused.a", $"notifier/1 epoch=a id=2 prev=1\n{Large}", "looks like one of Notifier's own" },
        { "more bytes than the address may publish", "/publish/refused.a", Large, "may publish 1024 bytes a second" },
        { "more bytes than the address may publish in an array", "/publish", ArrayOf(6, "refused.a", Large[..99_000]), "may publish 1024 bytes a second" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task An_address_whose_messages_are_refused_again_and_again_may_send_no_more_and_others_are_served(
        string what, string path, string body, string reason)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, Settings);
        var answers = new List<PublishAnswer>();

        await Eventually.IsAsync(
            async () =>
            {
                answers.Add(await app.PostAsync(path, body, null, ("X-Forwarded-For", "198.51.100.7")));
                return answers[^1].Body.Contains("has sent too many bytes that were refused", StringComparison.Ordinal);
            },
            $"the address is refused because it has sent {what}");

        answers.Should().Contain(answer => answer.Status != 200 && answer.Body.Contains(reason, StringComparison.Ordinal));
        (await app.PostAsync("/publish/refused.a", "x", null, ("X-Forwarded-For", "198.51.100.8"))).Status.Should().Be(200);
    }

    [Fact]
    public async Task The_messages_of_an_array_are_counted_before_each_of_them_is_checked()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, Settings);

        var answer = await app.PostAsync("/publish", ArrayOf(20, "__refused", ""));

        answer.Status.Should().Be(429);
        answer.Detail.Should().StartWith("your address may send 4 requests a second, and 4 times as many at once (Limits:RequestsPerSecond)");
    }

    private static string ArrayOf(int count, string channel, string data) =>
        $"[{string.Join(',', Enumerable.Repeat($$"""{"channel":"{{channel}}","data":"{{data}}"}""", count))}]";
}
