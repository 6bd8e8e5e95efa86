using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// <c>POST /publish</c> over HTTP/2, where the address is a header and the body is frames: over TLS, and without TLS, as some proxies connect to
/// their backends.
/// </summary>
public sealed class PublishHttp2Tests : IDisposable, IClassFixture<RedisFixture>
{
    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly RedisServer redis;
    private readonly HttpClient http;

    public PublishHttp2Tests(RedisFixture fixture)
    {
        redis = fixture.Redis;
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        http = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
    }

    public void Dispose() => http.Dispose();

    [Theory]
    [InlineData(Listen.Tls)]
    [InlineData(Listen.Plain)]
    public async Task A_hundred_concurrent_http2_requests_are_each_published_once_on_their_own_channel(Listen listen)
    {
        await using var app = await StartAsync(listen);
        await using var listener = await PlainRedisClient.ConnectAsync(redis.Port);
        await listener.AskAsync("PSUBSCRIBE", $"http2.{listen}.*");

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(n => PostAsync(app, $"/publish/http2.{listen}.{n}", Bytes(n))));

        answers.Should().OnlyContain(answer => answer.Status == 200 && answer.Version == HttpVersion.Version20);
        var heard = new ConcurrentDictionary<string, byte[]>();
        while (heard.Count < 100)
        {
            var message = await listener.ReadAsync();
            heard.TryAdd(Encoding.UTF8.GetString(message[2]), message[3]).Should().BeTrue("each is published once");
        }
        for (var n = 0; n < 100; n++)
            heard[$"http2.{listen}.{n}"].Should().Equal(Bytes(n));
    }

    [Theory]
    [InlineData("/publish/http2/%C3%A9%F0%9F%98%80", "http2/é😀")]
    [InlineData("/publish/http2/a/../b", "http2/a/../b")]
    [InlineData("/publish/http2//a%2Fb+c%20d?ignored=1", "http2//a/b+c d")]
    public async Task An_http2_publish_uses_the_channel_in_its_address(string path, string channel)
    {
        await using var app = await StartAsync(Listen.Tls);
        await using var listener = await PlainRedisClient.ConnectAsync(redis.Port);
        await listener.AskAsync("PSUBSCRIBE", "http2/*");

        var answer = await PostAsync(app, path, "hi"u8.ToArray());

        answer.Json.ToJsonString().Should().Be(new JsonObject { ["channel"] = channel, ["redisReceivers"] = 1 }.ToJsonString());
        Encoding.UTF8.GetString((await listener.ReadAsync())[2]).Should().Be(channel);
    }

    [Theory]
    [InlineData("/publish/http2%FF", 400)]
    [InlineData("/publish/http2%0A", 400)]
    [InlineData("/publish/__http2", 403)]
    public async Task An_http2_publish_to_an_invalid_or_reserved_channel_is_rejected(string path, int status)
    {
        await using var app = await StartAsync(Listen.Tls);

        (await PostAsync(app, path, "hi"u8.ToArray())).Status.Should().Be(status);
    }

    [Fact]
    public async Task A_nul_in_an_http2_address_is_rejected_by_kestrel_and_the_next_request_succeeds()
    {
        await using var app = await StartAsync(Listen.Tls);

        var refused = () => PostAsync(app, "/publish/http2%00", "hi"u8.ToArray());

        (await refused.Should().ThrowAsync<HttpRequestException>()).Which.Message.Should().Contain("PROTOCOL_ERROR");
        (await PostAsync(app, "/publish/http2", "hi"u8.ToArray())).Status.Should().Be(200);
    }

    [Theory]
    [InlineData(Listen.Tls)]
    [InlineData(Listen.Plain)]
    public async Task An_http2_payload_above_the_limit_is_rejected_and_a_later_one_at_the_limit_is_published(Listen listen)
    {
        await using var app = await StartAsync(listen);
        await using var listener = await PlainRedisClient.ConnectAsync(redis.Port);
        await listener.AskAsync("SUBSCRIBE", "http2.large");
        var largest = new byte[512 * 1024];
        Random.Shared.NextBytes(largest);

        var told = await PostAsync(app, "/publish/http2.large", new ByteArrayContent(new byte[512 * 1024 + 1]));
        // HTTP/2 does not need a Content-Length.
        var found = await PostAsync(app, "/publish/http2.large", new Endless(new byte[64 * 1024]));
        var published = await PostAsync(app, "/publish/http2.large", largest);

        foreach (var refused in new[] { told, found })
            (refused.Status, (string?)refused.Json["detail"]).Should().Be((413, "the payload is larger than 524288 bytes (Limits:PayloadBytes)"));
        published.Status.Should().Be(200);
        (await listener.ReadAsync())[2].Should().Equal(largest);
    }

    [Fact]
    public async Task An_array_over_http2_is_published_in_order_or_not_at_all()
    {
        await using var app = await StartAsync(Listen.Tls);
        await using var listener = await PlainRedisClient.ConnectAsync(redis.Port);
        await listener.AskAsync("SUBSCRIBE", "http2.many");

        var refused = await PostAsync(app, "/publish", JsonContent.Create(new[] { One("http2.many", "no"), One("__a", "no") }));
        var published = await PostAsync(app, "/publish", JsonContent.Create(Enumerable.Range(0, 200).Select(n => One("http2.many", $"{n}"))));

        refused.Status.Should().Be(403);
        published.Status.Should().Be(200);
        for (var n = 0; n < 200; n++)
            Encoding.UTF8.GetString((await listener.ReadAsync())[2]).Should().Be($"{n}");

        static object One(string channel, string data) => new { channel, data };
    }

    [Fact]
    public async Task An_http2_publish_from_a_foreign_origin_is_rejected_before_its_body_is_read()
    {
        await using var app = await StartAsync(Listen.Tls, "environment=Production", "Access:Anonymous:Publish:0=*");
        using var never = new Endless([]);

        var refused = await PostAsync(app, "/publish/http2.foreign", never, "https://evil.example");

        refused.Status.Should().Be(403);
        ((string?)refused.Json["detail"]).Should().Contain("Access:AllowedOrigins");
    }

    private async Task<NotifierApp> StartAsync(Listen listen, params string[] settings)
    {
        string[] clear = listen == Listen.Plain ? ["Kestrel:EndpointDefaults:Protocols=Http2"] : [];
        var app = await NotifierApp.StartAsync(redis.Configuration, listen, settings: [.. clear, .. settings]);
        await Eventually.IsAsync(() => app.Services.GetRequiredService<RedisBackplane>().ConnectedCommands is not null, "it has connected to Redis");
        return app;
    }

    private Task<(int Status, Version Version, JsonNode Json)> PostAsync(NotifierApp app, string path, byte[] body) =>
        PostAsync(app, path, new ByteArrayContent(body));

    private async Task<(int Status, Version Version, JsonNode Json)> PostAsync(NotifierApp app, string path, HttpContent content, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.Address.GetLeftPart(UriPartial.Authority) + path, AsItIs))
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (origin is not null)
            request.Headers.Add("Origin", origin);
        using var answer = await http.SendAsync(request).WaitAsync(Eventually.Limit);
        return ((int)answer.StatusCode, answer.Version, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    private static byte[] Bytes(int n) => [(byte)n, 0, 0xFF, 13, 10, .. Encoding.UTF8.GetBytes($"payload {n}")];

    /// <summary>A body that repeats these bytes without an end. Without any bytes, it sends its headers only and never ends.</summary>
    private sealed class Endless(byte[] bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            while (bytes.Length > 0)
                await stream.WriteAsync(bytes, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Never.AnswersAsync(cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
