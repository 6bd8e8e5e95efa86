using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>The file for nginx as printed in docs/proxies.md, with TLS. Only addresses and the certificate are replaced.</summary>
public sealed class NginxFileTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly string[] Settings =
    [
        "environment=Production", "Access:Anonymous:Subscribe:0=nginx.*", "Access:Anonymous:Publish:0=nginx.*", "ForwardedHeaders:KnownProxies:0=127.0.0.1",
        "History:Durable:Channels:0=kept.*",
    ];

    [Fact]
    public async Task The_page_about_proxies_prints_the_file()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "docs", "proxies.md"));

        page.Split("```nginx\n")[1].Split("```")[0].Should().Be(Deployed.Text("proxies/nginx.conf"));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/live/")]
    public async Task A_same_origin_page_receives_messages_over_tls_at_the_root_and_under_a_path(string root)
    {
        await using var node = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: Settings);
        await using var front = await FrontProxy.StartAsync(FrontKind.NginxTls, node.Address, node.Address);
        using var http = Http();
        var channel = $"nginx.{root.Length}";

        await using var client = await JsonClient.ConnectAsync(front.WebSocketAddress($"{root}ws"), headers: $"Origin: {front.Address.GetLeftPart(UriPartial.Authority)}\r\n");
        await client.SubscribeAsync("channel", channel);
        using var stream = await http.GetAsync(new Uri(front.Address, $"{root}events?channel={channel}"), HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await stream.Content.ReadAsStreamAsync());
        await ReadAsync(events, "subscribed");
        await fixture.Redis.PublishAsync(channel, "hello");

        ((string?)(await client.ReadAsync())["data"]).Should().Be("hello");
        (await ReadAsync(events, "message")).Should().Contain("hello");
        stream.Version.Should().Be(HttpVersion.Version20, "then more than six streams fit into one browser");
        foreach (var path in new[] { "notifier.js", "notifier.mjs", "notifier-elements.js", "notifier.json", "healthz/ready", "position" })
            (await http.GetAsync(new Uri(front.Address, root + path))).StatusCode.Should().Be(HttpStatusCode.OK, path);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/live/")]
    public async Task Everything_that_visitors_do_not_need_is_forbidden(string root)
    {
        await using var node = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: Settings);
        await using var front = await FrontProxy.StartAsync(FrontKind.NginxTls, node.Address, node.Address);
        using var http = Http();

        foreach (var path in new[] { "publish", "publish/nginx.x", "disconnect", "metrics", "stats", "openapi/v1.json", "anything" })
        {
            using var content = new StringContent("x");
            (await http.PostAsync(new Uri(front.Address, root + path), content)).StatusCode.Should().Be(HttpStatusCode.Forbidden, path);
        }
    }

    [Fact]
    public async Task A_plain_request_is_redirected_to_https()
    {
        await using var node = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: Settings);
        await using var front = await FrontProxy.StartAsync(FrontKind.NginxTls, node.Address, node.Address);
        using var http = Http();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{front.PlainPort}/notifier.js?a=b");
        request.Headers.Host = "notifier.example.com";

        using var answer = await http.SendAsync(request);

        answer.StatusCode.Should().Be(HttpStatusCode.MovedPermanently);
        answer.Headers.Location.Should().Be(new Uri("https://notifier.example.com/notifier.js?a=b"));
    }

    private static async Task<string> ReadAsync(StreamReader events, string type)
    {
        while (await events.ReadLineAsync().WaitAsync(Eventually.Limit) is { } line)
        {
            if (line.Contains($"\"type\":\"{type}\"", StringComparison.Ordinal))
                return line;
        }
        throw new InvalidOperationException($"The stream ended before \"{type}\".");
    }

    private static HttpClient Http() => new(new HttpClientHandler
    {
        AllowAutoRedirect = false,
        ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
    })
    {
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
    };
}
