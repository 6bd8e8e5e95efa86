using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Which pages may read <c>GET /events</c>, and what a browser learns before it sends the request.</summary>
public sealed class EventStreamOriginTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_event_stream_is_rejected_for_a_foreign_origin_and_readable_for_an_allowed_one()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", "Access:AllowedOrigins:0=https://shop.example", "Access:Anonymous:Subscribe:0=*"]);
        using var foreign = await EventClient.OpenAsync(app, "?channel=events.origin", headers: ("Origin", "https://evil.example"));
        using var allowed = await EventClient.OpenAsync(app, "?channel=events.origin", headers: ("Origin", "https://shop.example"));
        using var none = await EventClient.OpenAsync(app, "?channel=events.origin");

        ((int)foreign.Response.StatusCode).Should().Be(403);
        foreign.Response.Headers.Contains("Access-Control-Allow-Origin").Should().BeFalse();
        (await foreign.ReadAllAsync()).Should().Contain("Access:AllowedOrigins");
        ((int)allowed.Response.StatusCode).Should().Be(200);
        allowed.Response.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("https://shop.example");
        allowed.Response.Headers.Vary.Should().Contain("Origin");
        ((int)none.Response.StatusCode).Should().Be(200);
        none.Response.Headers.Vary.Should().Contain("Origin", "a cache must not give this answer to others");
    }

    [Theory]
    [InlineData("https://shop.example", true)]
    [InlineData("*", false)]
    public async Task A_page_may_send_cookies_only_if_its_origin_is_listed(string allowed, bool mayHaveCookies)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", $"Access:AllowedOrigins:0={allowed}", "Access:Anonymous:Subscribe:0=*"]);
        using var stream = await EventClient.OpenAsync(app, "?channel=events.credentials", headers: ("Origin", "https://shop.example"));

        stream.Response.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("https://shop.example");
        stream.Response.Headers.Contains("Access-Control-Allow-Credentials").Should().Be(mayHaveCookies);
    }

    [Theory]
    [InlineData("https://shop.example", 204)]
    [InlineData("https://evil.example", 403)]
    [InlineData("null", 403)]
    public async Task A_preflight_for_an_event_stream_succeeds_only_for_an_allowed_origin(string origin, int status)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", "Access:AllowedOrigins:0=https://shop.example"]);

        var preflight = await RawHttp.AskAsync(
            app,
            $"OPTIONS /events?channel=events.preflight HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {origin}\r\n"
            + "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization,last-event-id\r\n\r\n");

        preflight.Should().StartWith($"HTTP/1.1 {status} ").And.Contain("Vary: Origin");
        if (status == 204)
        {
            preflight.Should().Contain("Access-Control-Allow-Origin: https://shop.example\r\n").And.Contain("Access-Control-Allow-Credentials: true\r\n")
                .And.Contain("Access-Control-Allow-Methods: GET, POST\r\n")
                .And.Contain("Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, Last-Event-ID\r\n");
        }
        else
            preflight.Should().NotContain("Access-Control-Allow");
    }
}
