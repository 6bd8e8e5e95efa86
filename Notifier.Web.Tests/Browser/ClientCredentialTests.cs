using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>A credential that has expired is replaced; only a rejected one is final. In a real browser against a server that the test controls.</summary>
public sealed class ClientCredentialTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Counting = "globalThis.calls = 0; observe(new Notifier(undefined, { token: async () => `t${++calls}` })); notifier.channel('a', hear)";

    /// <summary>The cookie of an application's session is renewed by the application, not by the client.</summary>
    [Fact]
    public async Task An_expired_session_leads_to_a_new_handshake_and_only_its_rejection_is_final()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        for (var session = 0; session < 3; session++)
        {
            var connection = await fake.AcceptAsync();
            (await connection.ReadTextAsync()).Should().Be("subscribe a" + (session == 0 ? "" : $" p{session - 1}"));
            await connection.SendAsync(new { type = "message", channel = "a", data = $"in session {session}", position = $"p{session}" });
            await client.LogsAsync($"a: in session {session}");
            if (session == 2)
                fake.ClosesWith = (4401, "no session");
            await connection.CloseAsync(4401, "the session has expired");
        }

        await fake.AcceptAsync();
        await client.LogsAsync("error 4401");
        (await client.LogAsync()).Count(line => line == "state refused").Should().Be(1);
    }

    [Fact]
    public async Task An_expired_token_without_a_token_function_is_refused_after_one_new_handshake()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier(undefined, { token: 'only' })); notifier.channel('a', hear)");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var connection = await fake.AcceptAsync();
            (await connection.ReadTextAsync()).Should().Be("auth only");
            if (attempt == 0)
            {
                await connection.SendAsync(new { type = "authenticated" });
                await client.LogsAsync("subscribed a");
            }
            await connection.CloseAsync(4401, "the token has expired");
        }

        await client.LogsAsync("state refused");
        await client.LogsAsync("error 4401");
        fake.Waiting.Should().Be(0);
    }

    /// <summary>For example, it comes from a cached answer of the application.</summary>
    [Fact]
    public async Task A_first_token_that_is_rejected_is_replaced_once_and_a_second_one_is_final()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(Counting);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");
        await connection.CloseAsync(4401, "the token has expired");

        connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t2");
        await connection.CloseAsync(4401, "the token has expired");

        await client.LogsAsync("state refused");
        (await client.LogAsync()).Count(line => line == "error 4401").Should().Be(1);
        fake.Waiting.Should().Be(0);

        await client.DoAsync("notifier.connect()");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("auth t3", "a page that tries again does so with a fresh token");
    }

    /// <summary>The server keeps the connection and its anonymous names: the client must not be content with them.</summary>
    [Fact]
    public async Task A_token_that_an_open_connection_rejects_is_replaced_in_a_new_handshake()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(Counting);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");

        await connection.SendAsync(new { type = "error", code = "unauthorized", message = "the token has expired" });

        connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t2");
        await connection.SendAsync(new { type = "authenticated", @in = 300 });
        await client.LogsAsync("subscribed a", times: 1);
    }

    /// <summary>A laptop that slept: the connection ended without a code, and the kept token has expired meanwhile.</summary>
    [Fact]
    public async Task A_kept_token_that_is_rejected_after_a_lost_connection_is_replaced()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(Counting);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");
        await connection.SendAsync(new { type = "authenticated", @in = 300 });
        await client.LogsAsync("subscribed a");
        connection.Abort();

        connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1", "the token is kept");
        await connection.CloseAsync(4401, "the token has expired");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("auth t2");
        (await client.LogAsync()).Should().NotContain("state refused");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(45)]
    public async Task A_token_is_renewed_at_most_every_5_seconds_however_short_it_lives(int lifetime)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync(Counting);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");
        await connection.SendAsync(new { type = "authenticated", @in = lifetime });
        await client.LogsAsync("subscribed a");
        await connection.ReadTextAsync();

        await connection.SendAsync(new { type = "expiring", @in = lifetime });
        await connection.SendAsync(new { type = "message", channel = "a", data = "after the notice" });
        await client.LogsAsync("a: after the notice");
        await client.Page.Clock.RunForAsync(4_000);
        (await client.Page.EvaluateAsync<int>("calls")).Should().Be(1);
        await client.Page.Clock.RunForAsync(1_000);

        (await connection.ReadTextAsync()).Should().Be("auth t2");
    }

    [Theory]
    [InlineData("'<!doctype html><title>Log in</title>' + ' '.repeat(20000)")]
    [InlineData("''")]
    [InlineData("'two words'")]
    [InlineData("{ token: 'abc' }")]
    [InlineData("'{\"token\":\"abc\"}'")]
    [InlineData("'a'.repeat(9000)")]
    [InlineData("new Response('abc')")]
    public async Task What_is_not_a_token_is_reported_and_never_sent(string value)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            $"globalThis.value = {value}; observe(new Notifier(undefined, {{ token: async () => value }}));"
            + " notifier.addEventListener('error', ({ detail }) => globalThis.last = detail.message); notifier.channel('a', hear)");

        await client.LogsAsync("error token", times: 2);
        (await client.Page.EvaluateAsync<string>("last")).Should().StartWith("the token function did not return a token").And.Subject.Length.Should().BeLessThan(150);
        fake.Requests.Should().NotContain("/ws");

        await client.DoAsync("value = 'eyJ.eyJ.c2ln-_'");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("auth eyJ.eyJ.c2ln-_");
    }

    /// <summary>For example, the application accepts the request and never answers.</summary>
    [Fact]
    public async Task A_token_function_that_never_settles_is_reported_and_called_again()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync(
            "globalThis.calls = 0; observe(new Notifier(undefined, { token: () => ++calls < 3 ? new Promise(() => {}) : 't3' })); notifier.channel('a', hear);"
            + " notifier.addEventListener('error', ({ detail }) => log.push(detail.message))");
        for (var attempt = 1; attempt < 3; attempt++)
        {
            await Eventually.IsAsync(async () => await client.Page.EvaluateAsync<int>("calls") == attempt, "the token function is called");
            await client.Page.Clock.RunForAsync(10_000);
            await client.LogsAsync("error token", attempt);
            await client.Page.Clock.RunForAsync(1_000);
        }

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("auth t3");
        (await client.LogAsync()).Should().Contain("no answer");
    }

    [Theory]
    [InlineData("new Error('not logged in')", "not logged in")]
    [InlineData("'not logged in'", "not logged in")]
    [InlineData("undefined", "undefined")]
    [InlineData("null", "null")]
    public async Task A_token_function_may_reject_with_anything(string reason, string message)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            $"observe(new Notifier(undefined, {{ token: () => Promise.reject({reason}) }})); notifier.channel('a', hear);"
            + " notifier.addEventListener('error', ({ detail }) => log.push(detail.message))");

        await client.LogsAsync("error token", times: 2);
        (await client.LogAsync()).Should().Contain(message).And.Contain("state waiting");
    }

    [Fact]
    public async Task A_token_function_without_a_token_connects_a_visitor_without_one()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier(undefined, { token: () => null })); notifier.channel('a', hear)");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
    }

    /// <summary>The visitor has logged out. An open connection cannot give up its token.</summary>
    [Fact]
    public async Task A_token_function_that_has_no_token_any_more_leads_to_a_connection_without_one()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("let n = 0; observe(new Notifier(undefined, { token: () => n++ ? null : 't1' })); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");
        await connection.SendAsync(new { type = "authenticated", @in = 60 });
        await client.LogsAsync("subscribed a");
        (await connection.ReadTextAsync()).Should().Be("subscribe a");

        await connection.SendAsync(new { type = "expiring", @in = 60 });
        await connection.SendAsync(new { type = "message", channel = "a", data = "after the notice" });
        await client.LogsAsync("a: after the notice");
        await client.Page.Clock.RunForAsync(5_000);

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
        connection.Unread.Should().Be(0);
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake, bool hasOwnClock = false) =>
        await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock);
}
