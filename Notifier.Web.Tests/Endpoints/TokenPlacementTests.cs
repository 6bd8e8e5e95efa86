using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The places where a client can send its token when it connects, and the rejection of an invalid token.</summary>
public sealed class TokenPlacementTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly string[] Everywhere = [.. TestToken.Settings, "Access:Tokens:AllowTokenInQuery=true", "Access:Tokens:Cookie=notifier"];

    private RedisServer Redis => fixture.Redis;

    private static string Good => TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), "arrival.*");

    [Theory]
    [InlineData("Authorization: Bearer {0}\r\n", "", "")]
    [InlineData("authorization: bearer {0}\r\n", "", "")]
    [InlineData("Cookie: a=b; notifier={0}\r\n", "", "")]
    [InlineData("", ", bearer.{0}", "")]
    [InlineData("", "", "&access_token={0}")]
    public async Task A_valid_token_applies_wherever_it_is_sent_and_an_invalid_one_is_rejected_despite_open_access(string headers, string subprotocol, string query)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. Everywhere, "Access:Anonymous:Subscribe:0=*"]);
        string Put(string where, string token) => where.Replace("{0}", token, StringComparison.Ordinal);

        await using var good = await JsonClient.ConnectAsync(
            app, "/ws?channel=arrival.good" + Put(query, Good), headers: Put(headers, Good), more: Put(subprotocol, Good));
        var bad = TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(-5), "arrival.*");
        await using var refused = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress("/ws?channel=arrival.bad" + Put(query, bad)),
            headers: $"Sec-WebSocket-Protocol: notifier.v1{Put(subprotocol, bad)}\r\n{Put(headers, bad)}");

        (await good.ReadAsync()).Bare().Should().Be("""{"type":"subscribed","channel":"arrival.good"}""");
        (await good.AskAsync("""{"type":"subscribe","channel":"other"}""")).Bare().Should().Contain("\"forbidden\"", "the token decides, not the names that are open to everybody");
        good.Socket.Handshake.Should().Contain("Sec-WebSocket-Protocol: notifier.v1\r\n".TrimEnd()).And.NotContain("bearer.");
        var close = await refused.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4401, "the token has expired"));
        app.Hub.CountSubscribers(Notifier.Names.Name.Channel("arrival.bad")).Should().Be(0);
    }

    [Fact]
    public async Task A_token_in_the_address_is_rejected_by_default_and_the_close_names_the_setting()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: TestToken.Settings);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress($"/ws?access_token={Good}"));

        var close = await client.ReadUntilCloseAsync();

        (close.CloseCode, close.CloseText).Should().Be((4401, "a token in the address is not accepted here: see Access:Tokens:AllowTokenInQuery"));
    }

    [Theory]
    [InlineData("Authorization: Bearer\r\n")]
    [InlineData("Authorization: Bearer \r\n")]
    [InlineData("Authorization: bearer two, words\r\n")]
    [InlineData("Authorization: Bearer\t{good}\r\n")]
    [InlineData("Authorization: Bearer \t{good}\r\n")]
    [InlineData("Authorization: Bearer,{good}\r\n")]
    [InlineData("Authorization: Bearer=\"{good}\"\r\n")]
    [InlineData("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")]
    [InlineData("Authorization: Basic YTpi\r\nAuthorization: Bearer a\r\n")]
    public async Task A_malformed_authorization_header_is_rejected_and_not_treated_as_anonymous(string header)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. TestToken.Settings, "Access:Anonymous:Subscribe:0=*"]);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=arrival.none"), headers: header.Replace("{good}", Good, StringComparison.Ordinal));

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
    }

    [Fact]
    public async Task A_token_is_rejected_and_not_treated_as_anonymous_if_the_server_has_no_token_settings()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=arrival.none"), headers: $"Authorization: Bearer {Good}\r\n");

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
        app.Hub.NameCount.Should().Be(0);
    }

    [Fact]
    public async Task A_plain_text_client_without_a_token_is_closed_because_it_cannot_authenticate_later()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: TestToken.Settings);
        await using var without = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        await using var with = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=arrival.plain"), headers: $"Authorization: Bearer {Good}\r\n");

        (await without.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
        await with.IsLiveAsync(Redis, "arrival.plain");
    }

    [Fact]
    public async Task Http_requests_with_a_missing_invalid_or_insufficient_token_receive_401_or_403()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Everywhere);
        using var http = new HttpClient { BaseAddress = app.Address };
        var publishing = TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(5));
        publishing["publish"] = new System.Text.Json.Nodes.JsonArray("arrival.said");

        async Task<HttpStatusCode> PublishAsync(string? token, string channel)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/publish/{channel}") { Content = new StringContent("hello") };
            if (token is not null)
                request.Headers.Authorization = new("Bearer", token);
            using var response = await http.SendAsync(request);
            (response.StatusCode == HttpStatusCode.Unauthorized).Should().Be(response.Headers.WwwAuthenticate.Count > 0);
            return response.StatusCode;
        }

        await Eventually.IsAsync(
            async () => await PublishAsync(TestToken.Sign(publishing), "arrival.said") == HttpStatusCode.OK, "it is published, once Redis is there");
        (await PublishAsync(TestToken.Sign(publishing), "arrival.other")).Should().Be(HttpStatusCode.Forbidden);
        (await PublishAsync(Good, "arrival.good")).Should().Be(HttpStatusCode.Forbidden, "a grant to subscribe is not a grant to publish");
        (await PublishAsync(null, "arrival.said")).Should().Be(HttpStatusCode.Unauthorized);
        (await PublishAsync("a.b.c", "arrival.said")).Should().Be(HttpStatusCode.Unauthorized);
        (await http.GetAsync(new Uri("/events?channel=arrival.good", UriKind.Relative))).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var stream = await http.GetAsync(new Uri($"/events?channel=arrival.good&access_token={Good}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        stream.StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
