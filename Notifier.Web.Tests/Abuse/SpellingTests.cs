using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// Addresses that a proxy and Notifier could read differently. None reaches a route for backends and operators, through the real nginx, HAProxy and YARP with
/// the files of <c>deploy/proxies</c>, nor directly with an operator port.
/// </summary>
public sealed partial class SpellingTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Key = "the key of the tests, plain";

    /// <summary>In each, X stands for one of the routes.</summary>
    private static readonly string[] Spellings =
    [
        "/X", "/X/", "/X?a", "/X#", "/X;a", "/X;/a", "//X", "/./X", "/%2e/X", "/X/.", "/X/..", "/x/../X", "/x/%2e%2e/X", "/x/.%2E/X", "/ws/../X", "/ws/%2e%2e/X",
        "/ws#/../X", "/ws?/../X", "/ws%3f/../X", "/ws%23/../X", "/events/..;/X", "/history/../X", "/history/./../X", "/history/%2E%2e/X", "/history/a/../../X",
        "/history/a#/../../X", "/history//../X", "/history//../../X", "/history/a//../../../X", "/history/..%2fX", "/history/%2e%2e%2fX", "/history/..%5cX", "/history/%c0%ae%c0%ae/X",
        "/history\\..\\X", "/history/a?/../../X", "/notifier/../X", "/notifier.js/../X", "/notifier.js#/../X", "/notifier.js/%2e%2e/X", "/notifier%2f..%2fX",
        "/healthz/ready/../../X", "/healthz/../X", "/demo.js/../X", "/%2fX", "/%2e%2e/X", "/../X", "/..//X", "/a/b/../../X", "/X%20", "/X%00", "/X%2f", "/X%2e",
        "/live/X", "/live/../X", "/live//X", "/live/ws/../X", "/live/ws#/../../X", "/live/notifier/../../X", "/live/notifier#/../X", "/live/notifier%2f..%2fX",
        "/live/history/../X", "/live/history/../../X", "/live/history/..%2f..%2fX", "/live/%2e%2e/X", "/live/healthz/ready/../../../X",
        "/X%23", "/X%3f", "/%00/../X", "/\\X", "/x\\..\\X", "http://notifier.example/X", "http://notifier.example/x/../X", "http://notifier.example//X", "*/X", "X",
    ];

    /// <summary>The routes, and spellings of their own letters.</summary>
    private static readonly (string Method, string Route)[] Routes =
    [
        ("POST", "publish/spelling.a"), ("POST", "PUBLISH/spelling.a"), ("POST", "%70ublish/spelling.a"), ("POST", "publis%68/spelling.a"),
        ("POST", "%50UBLISH/spelling.a"), ("POST", "publish%2fspelling.a"), ("POST", "%2570ublish/spelling.a"), ("POST", "publish/..%2fspelling.a"),
        ("POST", "publish"), ("POST", "Publish"), ("POST", "%70ublish"), ("POST", "disconnect"), ("POST", "Disconnec%74"),
        ("GET", "stats"), ("GET", "STATS"), ("GET", "%73tats"), ("GET", "metrics"), ("GET", "metric%73"),
    ];

    private static readonly string[] Settings =
    [
        "environment=Production", "Access:Anonymous:Subscribe:0=*", "Access:Anonymous:Publish:0=*", "ForwardedHeaders:KnownProxies:0=127.0.0.1",
        "Access:ApiKeys:0:Name=all", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Subscribe:0=*", "Access:ApiKeys:0:Publish:0=*",
        "Access:ApiKeys:0:Disconnect=true",
    ];

    [Theory]
    [InlineData(FrontKind.Nginx)]
    [InlineData(FrontKind.HAProxy)]
    [InlineData(FrontKind.Yarp)]
    public async Task No_spelling_of_an_address_passes_the_rules_of_a_proxy(FrontKind kind)
    {
        await using var node = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, Settings);
        await using var front = await FrontProxy.StartAsync(kind, node.Address, node.Address);

        await Eventually.IsAsync(async () => (await AskAsync(node.Address, "POST", "/publish/other")).Contains("redisReceivers", StringComparison.Ordinal), "Notifier publishes");

        var passed = await TryAllAsync(front.Address);

        passed.Should().BeEmpty();
        foreach (var path in new[] { "/", "/demo.js", "/notifier.js", "/notifier.json", "/healthz/ready", "/position", "/history/a%2Fb", "/ws" })
            (await AskAsync(front.Address, "GET", path)).Should().NotStartWith("HTTP/1.1 403", path).And.NotStartWith("HTTP/1.1 502", path);
        AbuseTable.Add($"{Spellings.Length * Routes.Length} spellings of /publish, /disconnect, /metrics and /stats through {kind}", "none is answered by the route", "none was");
    }

    [Fact]
    public async Task No_spelling_of_an_address_reaches_a_route_for_operators_beside_the_operator_port()
    {
        var (port, operators) = (FreePort.Next(), FreePort.Next());
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: [.. Settings, $"urls=http://127.0.0.1:{port};http://127.0.0.1:{operators}", $"Access:OperatorPort={operators}"]);
        await Eventually.IsAsync(app.IsReadyAsync, "Notifier is connected to Redis");

        (await TryAllAsync(new Uri($"http://127.0.0.1:{port}"))).Should().BeEmpty();
    }

    /// <returns>The addresses that the routes for backends and operators answered.</returns>
    private async Task<List<string>> TryAllAsync(Uri server)
    {
        var passed = new ConcurrentBag<string>();
        var published = 0;
        await fixture.Redis.Connection.GetSubscriber().SubscribeAsync(RedisChannel.Pattern("*spelling*"), (_, _) => Interlocked.Increment(ref published));
        var addresses = Routes.SelectMany(static route => Spellings.Select(spelling => (route.Method, Address: spelling.Replace("X", route.Route, StringComparison.Ordinal))));
        await Parallel.ForEachAsync(addresses.Distinct(), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (request, _) =>
        {
            var answer = await AskAsync(server, request.Method, request.Address);
            if (OfRoute().IsMatch(answer))
                passed.Add($"{request.Method} {request.Address}: {answer}");
        });
        await fixture.Redis.Connection.GetSubscriber().UnsubscribeAllAsync();
        published.Should().Be(0);
        return [.. passed];
    }

    private static async Task<string> AskAsync(Uri server, string method, string address)
    {
        const string body = """[{"channel":"spelling.a","data":"x"}]""";
        using var limit = new CancellationTokenSource(Eventually.Limit);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, limit.Token);
        var rest = method == "POST" ? $"Content-Length: {body.Length}\r\n\r\n{body}" : "\r\n";
        await client.GetStream().WriteAsync(
            Encoding.Latin1.GetBytes($"{method} {address} HTTP/1.1\r\nHost: notifier.example\r\nX-Api-Key: {Key}\r\nConnection: close\r\n{rest}"), limit.Token);
        using var answer = new StreamReader(client.GetStream(), Encoding.Latin1);
        return await answer.ReadToEndAsync(limit.Token);
    }

    /// <summary>Texts that only these routes answer: what was done, or what is wrong with the request.</summary>
    [GeneratedRegex(@"redisReceivers|""nodes""|""uptimeSeconds""|# (TYPE|HELP|EOF)|send (\[|\{)|write /publish/|not allowed: ")]
    private static partial Regex OfRoute();
}
