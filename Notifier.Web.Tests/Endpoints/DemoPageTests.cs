using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>What the server tells the demo page, and what is left without the page. Browser/DemoStateTests has the page itself.</summary>
public sealed class DemoPageTests(RedisFixture fixture) : IDisposable, IClassFixture<RedisFixture>
{
    private const string Key = "the operator's key of the tests";

    private readonly HttpClient http = new();

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("/", HttpStatusCode.UpgradeRequired)]
    [InlineData("/index.html", HttpStatusCode.NotFound)]
    [InlineData("/demo.js", HttpStatusCode.NotFound)]
    [InlineData("/operations.js", HttpStatusCode.NotFound)]
    [InlineData("/notifier-demo.json", HttpStatusCode.NotFound)]
    [InlineData("/notifier.js", HttpStatusCode.OK)]
    [InlineData("/notifier-elements.js", HttpStatusCode.OK)]
    [InlineData("/notifier.json", HttpStatusCode.OK)]
    [InlineData("/healthz/live", HttpStatusCode.OK)]
    public async Task A_disabled_demo_page_is_not_served_and_the_client_is(string path, HttpStatusCode status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Demo:Enabled=false");

        using var answer = await http.GetAsync(new Uri(app.Address, path));

        answer.StatusCode.Should().Be(status);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/"));
        app.Log.Says("Page: ").Should().BeFalse();
        app.Log.Says($"Address: {app.Address}").Should().BeTrue();
    }

    [Fact]
    public async Task A_visitor_in_production_does_not_learn_where_redis_is()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", "Redis:ChannelPrefix=shop:", "Access:Anonymous:Subscribe:0=*", .. Operator]);

        var text = await http.GetStringAsync(new Uri(app.Address, "notifier-demo.json"));

        text.Should().NotContain("shop:").And.NotContain($"{Redis.Port}").And.Contain("\"command\":null").And.Contain("\"isOperator\":false");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "notifier-demo.json")) { Headers = { { "X-Api-Key", Key } } };
        using var answer = await http.SendAsync(request);
        (await answer.Content.ReadAsStringAsync()).Should().Contain($"-p {Redis.Port} publish shop:notifications.new-user").And.Contain("\"isOperator\":true");
    }

    [Fact]
    public async Task The_command_has_the_port_of_an_embedded_redis()
    {
        var port = FreePort.Next();
        await using var app = await NotifierApp.StartAsConfiguredAsync("Development", $"Redis:EmbeddedPort={port}");

        ((string?)(await StateAsync(app))["command"]).Should().Be($"redis-cli -p {port} publish notifications.new-user \"Mathias signed up\"");
    }

    [Theory]
    [InlineData("notifications.*", "notifications.*", "notifications.new-user")]
    [InlineData("new-users", "new-users", "new-users")]
    [InlineData("orders.?.*", "orders.?.*", "orders.1.new")]
    public async Task The_names_to_begin_with_and_the_channel_to_try_are_granted(string granted, string names, string channel)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["environment=Production", $"Access:Anonymous:Subscribe:0={granted}"]);

        var state = await StateAsync(app);

        state["names"]!.AsArray().Select(static name => (string?)name).Should().Equal(names);
        ((string?)state["channel"]).Should().Be(channel);
        ((string?)state["subscribe"]).Should().BeNull();
        ((string?)state["publish"]).Should().Be("nothing is open here to anonymous visitors: set Access:Anonymous:Publish");
    }

    [Fact]
    public async Task The_channel_to_try_of_a_visitor_who_may_only_publish_is_one_to_publish_on()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["environment=Production", "Access:Anonymous:Publish:0=orders.*"]);

        var state = await StateAsync(app);

        ((string?)state["channel"]).Should().Be("orders.new");
        ((string?)state["publish"]).Should().BeNull();
        ((string?)state["subscribe"]).Should().Be("nothing is open here to anonymous visitors: set Access:Anonymous:Subscribe");
    }

    [Fact]
    public async Task Where_tokens_are_required_the_page_says_so()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", "Access:Tokens:Secret=a secret of at least thirty-two bytes"]);

        ((string?)(await StateAsync(app))["subscribe"]).Should().Be("nothing is open here without a token");
    }

    public void Dispose() => http.Dispose();

    private static string[] Operator => ["Access:ApiKeys:0:Name=operator", $"Access:ApiKeys:0:Secret={Key}"];

    private async Task<JsonNode> StateAsync(NotifierApp app) => JsonNode.Parse(await http.GetStringAsync(new Uri(app.Address, "notifier-demo.json")))!;
}
