using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary><c>POST /publish</c> with an array publishes all messages in order, or none.</summary>
public sealed class PublishManyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_thousand_messages_published_as_an_array_arrive_in_order()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "many.order.*");
        var array = $"[{string.Join(',', Enumerable.Range(0, 1_000).Select(n => $$"""{"channel":"many.order.{{n % 3}}","data":"{{n}}"}"""))}]";

        var answer = await app.PostAsync("/publish", array, "application/json");

        answer.Status.Should().Be(200, answer.Body);
        answer.Json.AsArray().Select(one => (string?)one!["channel"]).Should().Equal(Enumerable.Range(0, 1_000).Select(n => $"many.order.{n % 3}"));
        answer.Json.AsArray().Should().OnlyContain(one => (long)one!["redisReceivers"]! == 1);
        for (var n = 0; n < 1_000; n++)
            Encoding.UTF8.GetString((await listener.ReadAsync())[3]).Should().Be($"{n}");
    }

    [Fact]
    public async Task An_array_is_published_whatever_its_content_type_and_with_any_text_as_data()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("SUBSCRIBE", "many/../text");

        var answer = await app.PostAsync(
            "/publish/", """[{"channel":"many/../text","data":"\u0000\r\n \ud83d\ude00 é"},{"data":"","channel":"many/../text"}]""", "application/x-www-form-urlencoded");

        answer.Status.Should().Be(200, answer.Body);
        Encoding.UTF8.GetString((await listener.ReadAsync())[2]).Should().Be("\0\r\n 😀 é");
        (await listener.ReadAsync())[2].Should().BeEmpty();
    }

    public static TheoryData<string, string> Refused { get; } = new()
    {
        { "[]", "send 1 to 1000 messages" },
        { "null", "send 1 to 1000 messages" },
        { "", "send [{" },
        { "{}", "send [{" },
        { """{"channel":"many.refused","data":"x"}""", "send [{" },
        { "[OK,null]", "message 1 is null" },
        { "[OK,[]]", "$[1]" },
        { "[OK,\"x\"]", "$[1]" },
        { """[OK,{"channel":"many.refused"}]""", "$[1]" },
        { """[OK,{"data":"x"}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","data":null}]""", "$[1]" },
        { """[OK,{"channel":null,"data":"x"}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","data":{"a":1}}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","data":17}]""", "$[1]" },
        { """[OK,{"channel":17,"data":"x"}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","channel":"many.other","data":"x"}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","data":"x","data":"y"}]""", "$[1]" },
        { """[OK,{"channel":"many.refused","data":"\ud800"}]""", "$[1]" },
        { """[OK,{"channel":"many.\udc00","data":"x"}]""", "$[1]" },
        { """[OK,{"channel":"","data":"x"}]""", "message 1: " },
        { """[OK,{"channel":"a\nb","data":"x"}]""", "message 1: the channel has control characters in it" },
        { """[OK,{"channel":"__a","data":"x"}]""", "message 1: the channel is reserved" },
        { "[OK,]", "send [{" },
        { "[OK] x", "send [{" },
        { "[OK", "send [{" },
        { $"[{new string('[', 5_000)}", "send [{" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task An_array_with_an_invalid_message_is_rejected_with_the_reason_and_nothing_is_published(string body, string detail)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "many.*");

        var answer = await app.PostAsync("/publish", body.Replace("OK", """{"channel":"many.refused","data":"ok"}""", StringComparison.Ordinal));

        answer.Status.Should().Be(detail.Contains("reserved", StringComparison.Ordinal) ? 403 : 400, answer.Body);
        answer.ContentType.Should().Be("application/problem+json");
        answer.Detail.Should().Contain(detail).And.NotContain("Notifier.");
        await ExpectNothingAsync(listener);
    }

    [Fact]
    public async Task An_array_with_more_than_1000_messages_or_with_invalid_utf8_is_rejected()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "many.*");
        var array = $"[{string.Join(',', Enumerable.Repeat("""{"channel":"many.refused","data":""}""", 1_001))}]";

        (await app.PostAsync("/publish", array)).Detail.Should().Be("send 1 to 1000 messages");
        (await app.PostAsync("/publish", [.. "[{\"channel\":\"many.refused\",\"data\":\""u8, 0xFF, .. "\"}]"u8])).Status.Should().Be(400);

        await ExpectNothingAsync(listener);
    }

    [Fact]
    public async Task An_array_is_limited_to_the_payload_size_per_message_and_six_times_that_in_total()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "many.*");
        Task<PublishAnswer> PostAsync(string data) => app.PostAsync("/publish", $$"""[{"channel":"many.limit","data":"a"},{"channel":"many.limit","data":"{{data}}"}]""");

        var large = await PostAsync(new string('x', 512 * 1024 + 1));
        var larger = await app.PostChunkedAsync("/publish", new byte[6 * 512 * 1024 + 1]);
        await ExpectNothingAsync(listener);
        var published = await PostAsync(string.Concat(Enumerable.Repeat("\\u0001", 500 * 1024)));

        (large.Status, large.Detail).Should().Be((413, "message 1: the payload is larger than 524288 bytes (Limits:PayloadBytes)"));
        (larger.Status, larger.Detail).Should().Be((413, "the body is larger than 3145728 bytes (six times Limits:PayloadBytes)"));
        published.Status.Should().Be(200);
        (await listener.ReadAsync())[3].Should().Equal("a"u8.ToArray());
        (await listener.ReadAsync())[3].Should().Equal(Enumerable.Repeat((byte)1, 500 * 1024));
    }

    private async Task ExpectNothingAsync(PlainRedisClient listener)
    {
        await Redis.PublishAsync("many.end", "");
        Encoding.UTF8.GetString((await listener.ReadAsync())[2]).Should().Be("many.end");
    }
}
