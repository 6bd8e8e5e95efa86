using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>Two nodes run as processes behind the load balancers that deploy/proxies configures.</summary>
public sealed class FrontProxyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int ClientCount = 20;

    private static readonly string[] Settings =
    [
        "environment=Production", "Access:Anonymous:Subscribe:0=front.*", "Access:Anonymous:Publish:0=front.*",
        "ForwardedHeaders:KnownProxies:0=127.0.0.1", "Operations:DrainPeriod=00:00:02",
        "Limits:RequestsPerSecond=1000",     // one client connects as often as it can
    ];

    [Theory]
    [InlineData(FrontKind.Nginx)]
    [InlineData(FrontKind.HAProxy)]
    [InlineData(FrontKind.Yarp)]
    public async Task Clients_behind_a_proxy_receive_each_message_once_and_reach_the_other_node_after_a_shutdown(FrontKind kind)
    {
        await using var first = await StartAsync();
        await using var second = await StartAsync();
        await using var front = await FrontProxy.StartAsync(kind, first.Address, second.Address);
        var channel = $"front.{kind}";
        var clients = await ConnectAsync(front, channel);
        await Eventually.IsAsync(async () => await fixture.Redis.SubscribersAsync(channel) == 2, "both nodes have clients");

        await PublishAsync(first, channel, "one");
        await ReadAllAsync(clients, "one");
        await PublishAsync(second, channel, "two");
        await ReadAllAsync(clients, "two");

        first.Terminate();
        await Eventually.IsAsync(async () => await StatusAsync(first, "/healthz/ready") != HttpStatusCode.OK, "the first node drains");
        var ends = clients.Select(EndAsync).ToList();
        // New clients connect meanwhile without an error. YARP does not try a second node, so a client must retry until YARP has noticed.
        while (await StatusAsync(first, "/healthz/live") == HttpStatusCode.OK)
            (await ComesInAsync(front) || kind == FrontKind.Yarp).Should().BeTrue();
        await Eventually.IsAsync(() => ComesInAsync(front), "the proxy has noticed");
        (await first.WaitForExitAsync(TimeSpan.FromSeconds(10))).Should().Be(0, first.Output);
        var back = await ConnectAsync(front, channel);
        await PublishAsync(second, channel, "three");
        await ReadAllAsync(back, "three");
        var last = await Task.WhenAll(ends);

        last.Should().OnlyContain(end => end == "three" || end.StartsWith("The server has closed the connection: 4601", StringComparison.Ordinal));
        last.Count(end => end != "three").Should().BeInRange(ClientCount / 4, ClientCount - 1, "both nodes had clients");
        foreach (var caller in clients.Concat(back))
            await caller.DisposeAsync();
    }

    [Theory]
    [InlineData(FrontKind.Nginx)]
    [InlineData(FrontKind.HAProxy)]
    [InlineData(FrontKind.Yarp)]
    public async Task A_same_origin_page_connects_through_a_proxy_and_a_foreign_page_cannot_forge_its_host(FrontKind kind)
    {
        await using var first = await StartAsync();
        await using var second = await StartAsync();
        await using var front = await FrontProxy.StartAsync(kind, first.Address, second.Address);
        var address = front.WebSocketAddress("/ws");

        await using var own = await RawWebSocket.ConnectAsync(address, headers: "Origin: https://shop.example\r\n", host: "shop.example");
        await own.SendTextAsync("elsewhere");
        (await own.ReadUntilCloseAsync()).CloseText.Should().Be("not allowed: elsewhere", "Notifier accepted the page's origin, and rejected the name");

        await using var other = await RawWebSocket.ConnectAsync(
            address, headers: "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n", host: "shop.example");
        (await other.ReadUntilCloseAsync()).CloseText.Should().Be("origin https://evil.example is not allowed: see Access:AllowedOrigins");
    }

    [Theory]
    [InlineData(FrontKind.Nginx)]
    [InlineData(FrontKind.HAProxy)]
    public async Task Backend_endpoints_are_forbidden_through_the_front_proxy(FrontKind kind)
    {
        await using var first = await StartAsync();
        await using var second = await StartAsync();
        await using var front = await FrontProxy.StartAsync(kind, first.Address, second.Address);
        using var http = new HttpClient();

        foreach (var path in new[] { "/publish", "/publish/front.x", "/disconnect", "/metrics", "/stats" })
        {
            using var content = new StringContent("x");
            (await http.PostAsync(new Uri(front.Address, path), content)).StatusCode.Should().Be(HttpStatusCode.Forbidden, path);
        }
        (await http.GetAsync(new Uri(front.Address, "/notifier.js"))).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private async Task<ServerProcess> StartAsync()
    {
        var node = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, Settings);
        await Eventually.IsAsync(async () => await StatusAsync(node, "/healthz/ready") == HttpStatusCode.OK, "the node is ready");
        return node;
    }

    /// <returns>Whether a node with room answered the handshake. Otherwise the answer was a 503.</returns>
    private static async Task<bool> ComesInAsync(FrontProxy front)
    {
        try
        {
            await using var caller = await JsonClient.ConnectAsync(front.WebSocketAddress("/ws"));
            return true;
        }
        catch (InvalidOperationException refusal) when (refusal.Message.Contains("503 Service Unavailable", StringComparison.Ordinal))
        {
            return false;
        }
    }

    /// <remarks>
    /// Connects the clients one after the other. YARP counts a client only after it has chosen the least busy node, so clients that connect
    /// at the same time can all reach the first node.
    /// </remarks>
    private static async Task<JsonClient[]> ConnectAsync(FrontProxy front, string channel)
    {
        var clients = new JsonClient[ClientCount];
        for (var i = 0; i < ClientCount; i++)
        {
            clients[i] = await JsonClient.ConnectAsync(front.WebSocketAddress("/ws"));
            await clients[i].SubscribeAsync("channel", channel);
        }
        return clients;
    }

    private static async Task ReadAllAsync(JsonClient[] clients, string expected)
    {
        foreach (var caller in clients)
            ((string?)(await caller.ReadAsync())["data"]).Should().Be(expected);
    }

    /// <summary>Reads the next message, or how the connection ended.</summary>
    private static async Task<string> EndAsync(JsonClient caller)
    {
        try
        {
            while (true)
            {
                var said = await caller.ReadAsync();
                if ((string?)said["type"] != "closing")
                    return (string?)said["data"] ?? said.ToJsonString();
            }
        }
        catch (IOException end)
        {
            return end.Message;
        }
    }

    private static async Task PublishAsync(ServerProcess node, string channel, string payload)
    {
        using var http = new HttpClient();
        using var content = new StringContent(payload);
        (await http.PostAsync(new Uri(node.Address, $"/publish/{channel}"), content)).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private static async Task<HttpStatusCode?> StatusAsync(ServerProcess node, string path)
    {
        using var http = new HttpClient();
        try
        {
            return (await http.GetAsync(new Uri(node.Address, path))).StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
