using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary><c>POST /publish/{channel}</c> publishes the body unchanged, on exactly that channel.</summary>
public sealed class PublishTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    public static TheoryData<byte[], string?> Bodies { get; } = new()
    {
        { "Mathias signed up"u8.ToArray(), null },
        { "Mathias signed up"u8.ToArray(), "application/x-www-form-urlencoded" },      // the type that curl sends with --data
        { "a=b&c=%41+d"u8.ToArray(), "application/x-www-form-urlencoded" },
        { "{\"a\": 1}"u8.ToArray(), "application/json" },
        { "no json"u8.ToArray(), "application/json" },
        { "--x\r\n"u8.ToArray(), "multipart/form-data; boundary=x" },
        { [0, 1, 2, 0xFF, 0xFE, 0xC3, 0x28, 10, 13], "application/octet-stream" },
        { "text"u8.ToArray(), "no type at all" },
        { [], "text/plain" },
        { [], null },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task The_body_of_a_publish_is_the_payload_byte_for_byte_whatever_its_content_type(byte[] body, string? type)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await ListenAsync("post.body");

        var answer = await app.PostAsync("/publish/post.body", body, type);

        answer.Status.Should().Be(200, answer.Body);
        answer.ContentType.Should().Be("application/json");
        answer.Body.Should().Be("""{"channel":"post.body","redisReceivers":1}""");
        (await listener.ReadAsync())[2].Should().Equal(body);
    }

    [Fact]
    public async Task A_published_message_reaches_browsers_and_the_answer_counts_redis_clients()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await using var other = await JsonClient.ConnectAsync(app);
        (await app.PostAsync("/publish/post.count", "nobody")).Body.Should().Be("""{"channel":"post.count","redisReceivers":0}""");
        await client.SubscribeAsync("channel", "post.count");
        await other.SubscribeAsync("channel", "post.count");
        await using var listener = await ListenAsync("post.count");

        var answer = await app.PostAsync("/publish/post.count", "hello");

        answer.Body.Should().Be("""{"channel":"post.count","redisReceivers":2}""");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("hello");
        ((string?)(await other.ReadAsync())["data"]).Should().Be("hello");
    }

    /// <summary>The address as sent, and the channel.</summary>
    public static TheoryData<string, string> Channels { get; } = new()
    {
        { "/publish/a.b", "a.b" },
        { "/publish/a%2Fb", "a/b" },
        { "/publish/a/b", "a/b" },
        { "/publish/a%252Fb", "a%2Fb" },
        { "/publish/a+b%20c%2Bd", "a+b c+d" },
        { "/publish/a/../b", "a/../b" },
        { "/publish/a/%2E%2E/b", "a/../b" },
        { "/publish/a/./b", "a/./b" },
        { "/publish/a//b/", "a//b/" },
        { "/publish/%C3%A9%F0%9F%98%80", "é😀" },
        { "/publish/a%3Fb?ignored=1", "a?b" },
        { "/publish/star*%5Bx%5D%5C", "star*[x]\\" },
        { "/publish/100%zz", "100%zz" },
        { "/PUBLISH/publish/Upper", "publish/Upper" },
        { "http://localhost/publish/absolute", "absolute" },
    };

    [Theory]
    [MemberData(nameof(Channels))]
    public async Task A_publish_uses_the_channel_in_its_address(string target, string channel)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await ListenAsync(channel);

        var answer = await RawHttp.AskAsync(app, $"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");

        answer.Should().StartWith("HTTP/1.1 200 ");
        Encoding.UTF8.GetString((await listener.ReadAsync())[1]).Should().Be(channel);
    }

    [Theory]
    [InlineData("/publish/a%FFb", "400")]
    [InlineData("/publish/%C3%28", "400")]
    [InlineData("/publish/%ED%A0%80", "400")]       // half of a surrogate pair
    [InlineData("/publish/a%00b", "400")]
    [InlineData("/publish/a%0Ab", "400")]
    [InlineData("/publish/\u00e9", "400")]
    [InlineData("/%70ublish/a", "400")]
    public async Task A_publish_to_an_invalid_address_is_rejected_and_nothing_is_published(string target, string status)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await PlainRedisClient.ConnectAsync(Redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "*");

        var answer = await RawHttp.AskAsync(app, $"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");

        answer.Should().StartWith($"HTTP/1.1 {status} ");
        await Redis.PublishAsync("post.end", "");
        string heard;
        do
            heard = Encoding.UTF8.GetString((await listener.ReadAsync())[2]);
        while (heard.StartsWith("notifier:probe:", StringComparison.Ordinal));
        heard.Should().Be("post.end");
    }

    [Fact]
    public async Task A_publish_to_an_overlong_channel_is_rejected()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);

        (await app.PostAsync($"/publish/{new string('x', 255)}", "hi")).Status.Should().Be(200);
        var refused = await app.PostAsync($"/publish/{new string('x', 256)}", "hi");

        (refused.Status, refused.ContentType).Should().Be((400, "application/problem+json"));
        refused.Detail.Should().Contain("255");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_payload_at_the_limit_is_published_and_a_larger_one_rejected_with_a_length_or_in_chunks(bool isChunked)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        await using var listener = await ListenAsync("post.large");
        Func<byte[], Task<PublishAnswer>> post = body =>
            isChunked ? app.PostChunkedAsync("/publish/post.large", body) : app.PostAsync("/publish/post.large", body);
        var largest = new byte[512 * 1024];
        Random.Shared.NextBytes(largest);

        var refused = await post(new byte[512 * 1024 + 1]);
        var published = await post(largest);

        (refused.Status, refused.ContentType).Should().Be((413, "application/problem+json"));
        refused.Detail.Should().Be("the payload is larger than 524288 bytes (Limits:PayloadBytes)");
        published.Status.Should().Be(200);
        (await listener.ReadAsync())[2].Should().Equal(largest);
    }

    [Fact]
    public async Task A_publish_above_the_limit_is_rejected_without_waiting_for_the_rest_of_its_body()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, ["Limits:PayloadBytes=10", "History:Recent:Bytes=1000000"]);

        // One request announces a gigabyte and sends nothing. The other sends a chunk that never ends.
        (await RawHttp.BeginAsync(app, "POST /publish/post.unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")).Should().StartWith("HTTP/1.1 413 ");
        (await RawHttp.BeginAsync(app, "POST /publish/post.unread HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n01234567890")).Should().StartWith("HTTP/1.1 413 ");
    }

    [Theory]
    [InlineData("/publish/post.foreign")]
    [InlineData("/publish")]
    public async Task A_publish_from_a_foreign_origin_is_rejected_before_its_body_is_read(string path)
    {
        await using var app = await Publishing.StartAsync(
            Redis.Configuration, ["environment=Production", "Access:Anonymous:Publish:0=*"]);

        var answer = await RawHttp.BeginAsync(
            app, $"POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n");

        answer.Should().StartWith("HTTP/1.1 403 ").And.Contain("Access:AllowedOrigins").And.NotContain("Access-Control-Allow-Origin");
    }

    [Fact]
    public async Task A_publish_from_an_allowed_origin_and_its_preflight_receive_cors_headers()
    {
        await using var app = await Publishing.StartAsync(
            Redis.Configuration,
            ["environment=Production", "Access:Anonymous:Publish:0=post.*", "Access:AllowedOrigins:0=https://app.example"]);

        var answer = await app.PostAsync("/publish/post.cors", "hi", "text/plain", ("Origin", "https://app.example"));
        var preflight = await RawHttp.AskAsync(
            app, "OPTIONS /publish HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");

        answer.Status.Should().Be(200);
        answer.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("https://app.example");
        answer.Headers.Vary.Should().Contain("Origin");
        preflight.Should().StartWith("HTTP/1.1 204 ").And.Contain("Access-Control-Allow-Origin: https://app.example")
            .And.Contain("Access-Control-Allow-Methods: GET, POST");
    }

    [Fact]
    public async Task Anonymous_publish_in_production_is_rejected_except_for_the_configured_names()
    {
        await using var closed = await Publishing.StartAsync(Redis.Configuration, ["environment=Production", "Access:Anonymous:Subscribe:0=*"]);
        await using var open = await Publishing.StartAsync(Redis.Configuration, ["environment=Production", "Access:Anonymous:Publish:0=post.open.*"]);

        var refused = await closed.PostAsync("/publish/post.open.a", "hi");
        var outside = await open.PostAsync("/publish/post.other", "hi");

        (refused.Status, refused.ContentType).Should().Be((403, "application/problem+json"));
        refused.Detail.Should().Contain("Access:Anonymous:Publish");
        (outside.Status, outside.Detail).Should().Be((403, "not allowed: post.other"));
        (await open.PostAsync("/publish/post.open.a", "hi")).Status.Should().Be(200);
        (await open.PostAsync("/publish", """[{"channel":"post.open.a","data":"hi"},{"channel":"post.other","data":"hi"}]""")).Detail
            .Should().Be("message 1: not allowed: post.other");
    }

    [Theory]
    [InlineData("__keyspace@0__:x")]
    [InlineData("__Booksleeve_MasterChanged")]
    [InlineData("notifier:probe:1")]
    public async Task Reserved_channels_are_refused(string channel)
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);

        var answer = await app.PostAsync("/publish/" + Uri.EscapeDataString(channel), "hi");

        answer.Status.Should().Be(403);
        answer.Detail.Should().Contain("reserved");
    }

    [Fact]
    public async Task A_publish_adds_the_channel_prefix_and_does_not_show_it_in_the_answer()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration, "Redis:ChannelPrefix=shop_");
        await using var listener = await ListenAsync("shop_post.prefix");

        var answer = await app.PostAsync("/publish/post.prefix", "hi");

        answer.Body.Should().Be("""{"channel":"post.prefix","redisReceivers":1}""");
        Encoding.UTF8.GetString((await listener.ReadAsync())[1]).Should().Be("shop_post.prefix");
    }

    private async Task<PlainRedisClient> ListenAsync(string channel)
    {
        var client = await PlainRedisClient.ConnectAsync(Redis.Port);
        await client.AskAsync("SUBSCRIBE", channel);
        return client;
    }
}
