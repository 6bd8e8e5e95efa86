using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>Which names the client subscribes to, and what it reports of a subscription, in a real browser against a server that the test controls.</summary>
public sealed class ClientSubscriptionTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task A_name_closed_before_the_socket_opens_is_not_subscribed()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            """
            observe(new Notifier());
            notifier.channel('kept', hear);
            const given = notifier.channel('given-up', hear);
            queueMicrotask(() => given.close());
            const stop = new AbortController();
            notifier.channel('aborted', hear, { signal: stop.signal });
            setTimeout(() => stop.abort());
            notifier.channel('never', hear, { signal: AbortSignal.abort() });
            """);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe kept");
        await client.LogsAsync("subscribed kept");
        await client.DoAsync("notifier.channel('last', hear)");
        var next = await connection.ReadTextAsync();
        if (next == "subscribe aborted")    // the socket opened before the timer ran, so the client unsubscribes
        {
            (await connection.ReadTextAsync()).Should().Be("unsubscribe aborted");
            next = await connection.ReadTextAsync();
        }
        next.Should().Be("subscribe last");
    }

    [Fact]
    public async Task A_late_answer_to_an_old_subscription_is_ignored_after_the_name_is_subscribed_again()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier()); globalThis.first = notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");
        connection.Confirms = false;
        await connection.ReadAsync();
        await client.DoAsync("first.close(); await 0; await 0; globalThis.second = notifier.channel('a', hear)");
        (await connection.ReadTextAsync()).Should().Be("unsubscribe a");
        var again = await connection.ReadAsync();

        await connection.SendAsync(new { type = "error", channel = "a", id = 1, code = "cancelled", message = "it was unsubscribed" });
        await connection.SendAsync(new { type = "unsubscribed", channel = "a" });
        await connection.ConfirmAsync(again);
        await connection.SendAsync(new { type = "message", channel = "a", data = "heard" });

        await client.LogsAsync("a: heard");
        (await client.LogAsync()).Should().Equal("state connecting", "state connected", "subscribed a", "subscribed a", "a: heard");
    }

    [Fact]
    public async Task An_unrecovered_subscription_reports_a_gap_and_a_throwing_listener_does_not_affect_others()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            "addEventListener('error', event => { log.push(event.message); event.preventDefault(); });"
            + "observe(new Notifier()); notifier.channel('a', () => { throw new Error('mine') }); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await client.LogsAsync("a: one");
        await client.LogsAsync("Uncaught Error: mine");
        connection.Confirms = false;
        connection.Abort();

        connection = await fake.AcceptAsync();
        connection.Confirms = false;
        await connection.SendAsync(new { type = "subscribed", channel = "a", id = (await connection.ReadAsync()).GetProperty("id").GetInt64(), recovered = false });
        await client.LogsAsync("gap a notRecovered");
        client.Errors.Clear();
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake) => await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
}
