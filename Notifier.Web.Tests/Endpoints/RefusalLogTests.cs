using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The operator learns why visitors are refused, once a minute, and without any part of their credentials.</summary>
public sealed class RefusalLogTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_callback_that_answers_403_is_reported_once_a_minute_without_cookies()
    {
        await using var application = await Application.StartAsync();
        application.Answer = Application.Status(403);
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: ["environment=Production", $"Access:Callback:Url={application.Address}"]);

        for (var visitor = 0; visitor < 3; visitor++)
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Cookie: session=secret{visitor}\r\n");
            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        }

        Warnings(app).Should().ContainSingle().Which.Should().StartWith("Access:Callback:Url answered 403").And.Contain("last such warning: 1.").And.NotContain("secret");
    }

    [Theory]
    [InlineData(false, "Access:Tokens:Secret")]
    [InlineData(true, "Access:Tokens:Authority")]
    public async Task A_token_with_an_unknown_key_is_reported_once_a_minute_with_the_setting_of_the_key(bool hasAuthority, string setting)
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: hasAuthority ? ["environment=Production", $"Access:Tokens:Authority={provider.Address}", $"Access:Tokens:Audience={TestToken.Audience}"] : TestToken.Settings);
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(5), "*");
        if (hasAuthority)
            payload["iss"] = provider.Address;
        var token = TestToken.Sign(payload, sign: static _ => [1, 2, 3], keyId: "a key\nof another");
        using var http = new HttpClient();

        for (var n = 0; n < 3; n++)
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Authorization: Bearer {token}\r\n");
            (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/events?channel=a"));
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
            (await http.SendAsync(request)).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }

        Warnings(app).Should().ContainSingle().Which.Should().StartWith("A token is not signed with a key that this server knows").And.Contain($"the key of {setting} ")
            .And.NotContain("a key\n").And.NotContain(token.Split('.')[1]);
    }

    private static List<string> Warnings(NotifierApp app) => [.. app.Log.Lines
        .Where(static line => line.Level >= LogLevel.Warning && line.Category.StartsWith("Notifier.Access", StringComparison.Ordinal)).Select(static line => line.Text)];
}
