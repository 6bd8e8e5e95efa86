using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Notifier.Configuration;
using Notifier.Endpoints.Http;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Endpoints for operators need an API key or a port that clients cannot reach (<c>Access:OperatorPort</c>).</summary>
public sealed class OperatorAccessTests(RedisFixture fixture) : IAsyncLifetime, IClassFixture<RedisFixture>
{
    private const string Key = "the key of the tests, plain";

    private readonly int operators = FreePort.Next();
    private readonly int publicPort = FreePort.Next();
    private WebApplication? app;

    [Fact]
    public async Task Operator_endpoints_need_an_api_key_on_every_port_if_no_operator_port_is_configured()
    {
        await StartAsync();

        (await GetAsync(publicPort, $"X-Api-Key: {Key}")).Should().Be((HttpStatusCode.OK, "for operators"));
        (await GetAsync(publicPort, $"Authorization: Bearer {Key}")).Status.Should().Be(HttpStatusCode.OK);
        (await GetAsync(publicPort, "X-Api-Key: unknown")).Status.Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(publicPort, "Accept: */*")).Should().Be((HttpStatusCode.Unauthorized, "an API key is needed (Access:ApiKeys)"));
        (await GetAsync(operators, "Accept: */*")).Status.Should().Be(HttpStatusCode.Unauthorized, "no operator port is configured");
        (await GetAsync(publicPort, $"Authorization: Bearer {TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), "*")}")).Should().Be(
            (HttpStatusCode.Forbidden, "only backends may do this: an API key is required (Access:ApiKeys)"));
    }

    [Fact]
    public async Task The_operator_port_needs_no_key_and_nothing_opens_the_other_port()
    {
        await StartAsync($"Access:OperatorPort={operators}", "ForwardedHeaders:KnownProxies:0=127.0.0.1");

        (await GetAsync(operators, "Accept: */*")).Should().Be((HttpStatusCode.OK, "for operators"));
        foreach (var header in new[]
        {
            "Accept: */*", $"Host: localhost:{operators}", $"X-Forwarded-Host: localhost:{operators}", $"X-Forwarded-Port: {operators}", $"X-Api-Key: {Key}",
        })
        {
            (await GetAsync(publicPort, header)).Should().Be(
                (HttpStatusCode.NotFound, "this route exists only on the port for operators (Access:OperatorPort)"), header);
        }
    }

    /// <summary>A page of an attacker's host that points to this machine could read the metrics with the operator's browser.</summary>
    [Theory]
    [InlineData("127.0.0.1:{port}", HttpStatusCode.OK)]
    [InlineData("10.0.0.5:9081", HttpStatusCode.OK)]
    [InlineData("[fd00::5]", HttpStatusCode.OK)]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("notifier-1:9081", HttpStatusCode.OK)]
    [InlineData("Notifier.Example.internal", HttpStatusCode.OK)]
    [InlineData("evil.example:{port}", HttpStatusCode.Forbidden)]
    [InlineData("notifier.example.internal.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("127.0.0.1.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("notifier-1.", HttpStatusCode.Forbidden)]
    public async Task The_operator_port_answers_only_under_hosts_that_no_attacker_can_point_to_it(string host, HttpStatusCode status)
    {
        await StartAsync($"Access:OperatorPort={operators}", "Access:OperatorHosts:0=notifier.example.internal");

        (await GetAsync(operators, $"Host: {host.Replace("{port}", $"{operators}", StringComparison.Ordinal)}")).Status.Should().Be(status);
    }

    [Fact]
    public async Task With_an_operator_port_backends_and_anonymous_callers_publish_there_and_only_visitors_elsewhere()
    {
        await StartAsync($"Access:OperatorPort={operators}", "Access:Anonymous:Publish:0=operators.*", "Access:ApiKeys:0:Publish:0=operators.*");
        var visitor = TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(5));
        visitor["publish"] = new System.Text.Json.Nodes.JsonArray("operators.*");
        var token = $"Authorization: Bearer {TestToken.Sign(visitor)}";
        await Eventually.IsAsync(async () => await PublishAsync(operators, "Accept: */*") == HttpStatusCode.OK, "Notifier is connected to Redis");

        (await PublishAsync(operators, $"X-Api-Key: {Key}")).Should().Be(HttpStatusCode.OK);
        (await PublishAsync(operators, token)).Should().Be(HttpStatusCode.OK);
        (await PublishAsync(operators, "Host: evil.example")).Should().Be(HttpStatusCode.Forbidden);
        (await PublishAsync(publicPort, token)).Should().Be(HttpStatusCode.OK);
        foreach (var header in new[] { "Accept: */*", $"X-Api-Key: {Key}", $"Authorization: Bearer {Key}" })
            (await PublishAsync(publicPort, header)).Should().Be(HttpStatusCode.NotFound, header);
    }

    [Fact]
    public async Task A_disconnect_request_needs_an_api_key_even_on_the_operator_port()
    {
        await StartAsync($"Access:OperatorPort={operators}");
        using var http = new HttpClient();

        using var response = await http.PostAsync(new Uri($"http://127.0.0.1:{operators}/disconnect"), new StringContent("""{"sub":"42"}"""));

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData(0, "Access:OperatorPort is {0}, the only port that the server listens on")]
    [InlineData(1, "Access:OperatorPort is {0}, but the server does not listen there")]
    public async Task An_operator_port_that_is_public_or_not_listened_on_stops_startup(int which, string told)
    {
        var port = which == 0 ? publicPort : FreePort.Next();

        var starting = () => NotifierApp.StartAsync(fixture.Redis.Configuration, port: publicPort, settings: $"Access:OperatorPort={port}");

        (await starting.Should().ThrowAsync<StartupException>())
            .Which.Message.Should().Contain(string.Format(System.Globalization.CultureInfo.InvariantCulture, told, port)).And.Contain("urls");
    }

    private static async Task<HttpStatusCode> PublishAsync(int port, string header)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}/publish/operators.x") { Content = new StringContent("x") };
        request.Headers.TryAddWithoutValidation(header.Split(": ")[0], header.Split(": ")[1]);
        using var response = await http.SendAsync(request);
        return response.StatusCode;
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (app is not null)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }

    private Task StartAsync(params string[] settings)
    {
        app = global::Server.Build([
            $"--urls=http://127.0.0.1:{publicPort};http://127.0.0.1:{operators}", $"--Redis:Configuration={fixture.Redis.Configuration}",
            "--Access:ApiKeys:0:Name=operator", $"--Access:ApiKeys:0:Secret={Key}", "--Operations:DrainPeriod=00:00:00",
            .. TestToken.Settings.Concat(settings).Select(static setting => $"--{setting}")]);
        app.MapGet("/of-the-test", static () => "for operators").RequireOperator();
        return app.StartAsync();
    }

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(int port, string header)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/of-the-test");
        request.Headers.TryAddWithoutValidation(header.Split(": ")[0], header.Split(": ")[1]);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, response.IsSuccessStatusCode ? text : (string)System.Text.Json.Nodes.JsonNode.Parse(text)!["detail"]!);
    }
}
