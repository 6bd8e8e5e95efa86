using System.Net;
using System.Security.Cryptography;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Backends authenticate with an API key, and only they may use certain endpoints.</summary>
public sealed class ApiKeyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Key = "the key of the tests, plain";
    private const string HashedKey = "the key of the tests, hashed";

    private static readonly string[] Settings =
    [
        .. TestToken.Settings,
        "Access:ApiKeys:0:Name=plain", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Subscribe:0=keys.*", "Access:ApiKeys:0:Publish:0=keys.said",
        "Access:ApiKeys:0:Disconnect=true",
        "Access:ApiKeys:1:Name=hashed", $"Access:ApiKeys:1:Sha256={Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(HashedKey)))}", "Access:ApiKeys:1:Publish:0=keys.hashed",
    ];

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData($"X-Api-Key: {Key}", "keys.said", HttpStatusCode.OK)]
    [InlineData($"Authorization: Bearer {Key}", "keys.said", HttpStatusCode.OK)]
    [InlineData($"X-Api-Key: {HashedKey}", "keys.hashed", HttpStatusCode.OK)]
    [InlineData($"X-Api-Key: {Key}", "keys.hashed", HttpStatusCode.Forbidden)]
    [InlineData("X-Api-Key: the key of the tests", "keys.said", HttpStatusCode.Unauthorized)]
    [InlineData("X-Api-Key: ", "keys.said", HttpStatusCode.Unauthorized)]
    public async Task A_backend_may_publish_only_what_its_api_key_allows(string header, string channel, HttpStatusCode status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await Eventually.IsAsync(() => app.Services.GetRequiredService<RedisBackplane>().ConnectedCommands is not null, "Notifier is connected to Redis");

        using var response = await PostAsync(app, $"/publish/{channel}", header, "hello");

        response.StatusCode.Should().Be(status);
        app.Log.Says("of the tests").Should().BeFalse("no key is logged");
    }

    [Fact]
    public async Task A_backend_subscribes_with_its_api_key_without_an_expiry_and_an_unknown_key_is_rejected()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, Settings);
        await using var client = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress("/ws?channel=keys.heard"), headers: $"X-Api-Key: {Key}\r\n");
        await app.WhenThereAreAsync(1);

        await app.AdvanceAsync(20);

        await client.IsLiveAsync(Redis, "keys.heard");
        await using var unknown = await RawWebSocket.ConnectAsync(app.App.WebSocketAddress(), headers: "X-Api-Key: another one\r\n");
        (await unknown.ReadUntilCloseAsync()).CloseText.Should().Be("the API key is unknown");
    }

    [Fact]
    public async Task A_disconnected_subject_is_closed_on_all_nodes_and_other_subjects_stay_connected()
    {
        await using var here = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. Settings, "Access:Tokens:AllowTokenInQuery=true"]);
        await using var there = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("notifier:disconnect") == 2, "both nodes are subscribed");
        await using var first = await ConnectAsync(here, "42");
        await using var second = await ConnectAsync(there, "42");
        await using var plain = await RawWebSocket.ConnectAsync(there.WebSocketAddress(), headers: $"Authorization: Bearer {Token("42")}\r\n");
        await using var other = await ConnectAsync(there, "43");
        await using var later = await ConnectAsync(there, "43");
        await later.AuthenticateAsync(Token("42"));
        using var http = new HttpClient();
        using var events = new StreamReader(await http.GetStreamAsync(new Uri(here.Address, $"/events?channel=keys.x&access_token={Token("42")}")));

        using var response = await PostAsync(here, "/disconnect", $"X-Api-Key: {Key}", """{"sub":"42"}""");

        (response.StatusCode, await response.Content.ReadAsStringAsync()).Should().Be((HttpStatusCode.OK, """{"nodes":2}"""));
        foreach (var socket in new[] { first.Socket, second.Socket, plain, later.Socket })
        {
            var close = await socket.ReadUntilCloseAsync();
            (close.CloseCode, close.CloseText).Should().Be((4403, "disconnected by an operator"));
        }
        (await events.ReadToEndAsync().WaitAsync(Eventually.Limit)).Should().Contain("\"code\":\"forbidden\"");
        (await other.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
    }

    [Fact]
    public async Task A_single_connection_is_disconnected_by_the_id_from_its_welcome()
    {
        await using var here = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await using var there = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("notifier:disconnect") == 2, "both nodes are subscribed");
        await using var gone = await ConnectAsync(there, "42");
        await using var stays = await ConnectAsync(there, "42");

        using var response = await PostAsync(here, "/disconnect", $"Authorization: Bearer {Key}", $$"""{"connection":"{{gone.Welcome["connection"]}}"}""");

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await gone.Socket.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        (await stays.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
    }

    [Fact]
    public async Task A_disconnect_request_without_an_api_key_or_a_valid_target_is_rejected()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);
        await using var client = await ConnectAsync(app, "42");
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("notifier:disconnect") == 1, "the node is subscribed");

        async Task<HttpStatusCode> TryAsync(string header, string body)
        {
            using var response = await PostAsync(app, "/disconnect", header, body);
            return response.StatusCode;
        }

        (await TryAsync("X-Nothing: x", """{"sub":"42"}""")).Should().Be(HttpStatusCode.Unauthorized);
        (await TryAsync("X-Api-Key: unknown", """{"sub":"42"}""")).Should().Be(HttpStatusCode.Unauthorized);
        (await TryAsync($"Authorization: Bearer {Token("42")}", """{"sub":"42"}""")).Should().Be(HttpStatusCode.Forbidden);
        (await TryAsync($"X-Api-Key: {HashedKey}", """{"sub":"42"}""")).Should().Be(HttpStatusCode.Forbidden, "this key has no right to disconnect");
        foreach (var body in new[] { "", "{}", "[]", "{", """{"sub":""}""", """{"sub":"42","connection":"x"}""", """{"user":"42"}""", $$"""{"sub":"{{new string('x', 5000)}}"}""" })
            (await TryAsync($"X-Api-Key: {Key}", body)).Should().Be(HttpStatusCode.BadRequest, body);
        await Redis.PublishAsync("notifier:disconnect", "what is this");
        await Eventually.IsAsync(() => app.Log.Says("An invalid request was published on"), "the node has received the request");

        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
    }

    private static async Task<HttpResponseMessage> PostAsync(NotifierApp app, string path, string header, string body)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation(header.Split(": ")[0], header.Split(": ")[1]);
        return await http.PostAsync(new Uri(app.Address, path), new StringContent(body));
    }

    private static Task<JsonClient> ConnectAsync(NotifierApp app, string subject) =>
        JsonClient.ConnectAsync(app, headers: $"Authorization: Bearer {Token(subject)}\r\n");

    private static string Token(string subject)
    {
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(5), "keys.*");
        payload["sub"] = subject;
        return TestToken.Sign(payload);
    }
}
