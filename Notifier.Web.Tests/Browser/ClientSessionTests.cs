using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>Visitors whom the application's session, a token or a cookie identifies, on the real server: they keep receiving after it expires.</summary>
public sealed class ClientSessionTests(BrowserFixture browser, RedisFixture redis) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("globalThis.hasWebSockets = true;")]
    [InlineData("globalThis.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006, reason: '' })); } send() { } close() { } };")]
    public async Task A_visitor_whose_session_expires_keeps_receiving_and_is_refused_when_the_session_ends(string script)
    {
        await using var application = await Application.StartAsync();
        application.Answer = Application.Grant("""{"sub":"42","subscribe":["session.*"],"expiresIn":1}""");
        await using var app = await NotifierApp.StartAsync(redis.Redis.Configuration, settings: [$"Access:Callback:Url={application.Address}"]);
        var page = await browser.NewPageAsync();
        await page.AddInitScriptAsync(script);
        await page.RouteAsync("**/healthz/ready", route => route.FulfillAsync(new() { Status = 200 }));
        await page.Context.AddCookiesAsync([new() { Name = "session", Value = "1", Url = app.Address.ToString() }]);
        await using var client = await ClientPage.OpenAsync(page, new Uri(app.Address, "openapi/v1.json").ToString());
        await page.AddScriptTagAsync(new() { Url = new Uri(app.Address, "notifier.js").ToString() });
        await client.DoAsync($"chance = 0.01; observe(new Notifier('{app.Address}')); notifier.channel('session.{script.Length}', hear)");

        for (var n = 1; n <= 3; n++)
        {
            await client.LogsAsync($"subscribed session.{script.Length}", times: n);
            await redis.Redis.PublishAsync($"session.{script.Length}", $"{n}");
            await client.LogsAsync($"session.{script.Length}: {n}");
        }
        (await client.LogAsync()).Should().NotContain(static line => line.StartsWith("gap", StringComparison.Ordinal));

        application.Answer = Application.Status(401);
        await client.LogsAsync("error 4401");
        (await client.LogAsync())[^2..].Should().Equal("state refused", "error 4401");
    }

    /// <summary>Otherwise it would stay connected with what everybody may hear, and its private names would be rejected for good.</summary>
    [Fact]
    public async Task A_visitor_whose_first_token_has_expired_hears_private_names_although_anonymous_access_would_keep_the_connection()
    {
        await using var app = await NotifierApp.StartAsync(
            redis.Redis.Configuration, settings: [.. TestToken.Settings, "Access:Anonymous:Subscribe:0=public.*"]);
        var page = await browser.NewPageAsync();
        var minted = 0;
        await page.ExposeFunctionAsync("mint", () => TestToken.Of(DateTimeOffset.UtcNow.AddSeconds(minted++ == 0 ? -3600 : 3600), "private.*"));
        await using var client = await ClientPage.OpenAsync(page, new Uri(app.Address, "openapi/v1.json").ToString());
        await page.AddScriptTagAsync(new() { Url = new Uri(app.Address, "notifier.js").ToString() });

        await client.DoAsync($"chance = 0.01; observe(new Notifier('{app.Address}', {{ token: mint }})); notifier.channel('private.a', hear); notifier.channel('public.a', hear)");

        await client.LogsAsync("subscribed private.a");
        await redis.Redis.PublishAsync("private.a", "hello");
        await client.LogsAsync("private.a: hello");
        minted.Should().Be(2);
        (await client.LogAsync()).Should().NotContain("state refused");
    }

    /// <summary>The limits of names, of their bytes and of an address do not contradict each other.</summary>
    [Fact]
    public async Task An_event_stream_carries_as_many_names_of_the_greatest_length_as_a_connection_may_have()
    {
        await using var app = await NotifierApp.StartAsync(redis.Redis.Configuration);
        var page = await browser.NewPageAsync();
        await page.AddInitScriptAsync("globalThis.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006, reason: '' })); } send() { } close() { } };");
        await page.RouteAsync("**/healthz/ready", route => route.FulfillAsync(new() { Status = 200 }));
        await using var client = await ClientPage.OpenAsync(page, new Uri(app.Address, "openapi/v1.json").ToString());
        await page.AddScriptTagAsync(new() { Url = new Uri(app.Address, "notifier.js").ToString() });
        // Two bytes a character: six in a form.
        await client.DoAsync(
            $"chance = 0.01; observe(new Notifier('{app.Address}')); globalThis.names = Array.from({{ length: 128 }}, (_, n) => `ü${{n}}.`.padEnd(125, 'é').padEnd(126, 'x'));"
            + " names.forEach(name => notifier.channel(name, hear))");

        await Eventually.IsAsync(
            () => page.EvaluateAsync<bool>("names.every(name => log.includes(`subscribed ${name}`))"), "all names are subscribed");
        var last = await page.EvaluateAsync<string>("names[127]");
        await redis.Redis.PublishAsync(last, "hello");
        await client.LogsAsync($"{last}: hello");
    }
}
