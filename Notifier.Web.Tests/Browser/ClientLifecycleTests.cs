using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>The client when the network or the page goes away and returns, and when its owner closes it.</summary>
public sealed class ClientLifecycleTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Hide = "Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))";
    private const string Show = "Object.defineProperty(document, 'hidden', { value: false, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))";

    [Theory]
    [InlineData(Show)]
    [InlineData("dispatchEvent(new Event('online'))")]
    [InlineData("dispatchEvent(new Event('offline'))")]
    public async Task A_connection_is_checked_on_network_or_page_change_and_dropped_after_5_seconds_without_a_pong(string change)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        var connection = await ListenAsync(client, fake);

        await client.DoAsync(change);
        (await connection.ReadTextAsync()).Should().Be("ping");
        await client.LogsAsync("pong");
        await client.Page.Clock.RunForAsync(6_000);
        (await client.LogAsync()).Should().NotContain("state waiting");

        connection.Pongs = false;
        await client.DoAsync(change);
        (await connection.ReadTextAsync()).Should().Be("ping");
        await client.Page.Clock.RunForAsync(4_900);
        (await client.LogAsync()).Should().NotContain("state waiting");
        await client.Page.Clock.RunForAsync(200);
        await client.LogsAsync("state waiting");
    }

    [Fact]
    public async Task A_page_that_becomes_hidden_sends_no_ping()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var connection = await ListenAsync(client, fake);

        await client.DoAsync(Hide);

        await client.DoAsync("notifier.channel('next', hear)");
        (await connection.ReadTextAsync()).Should().Be("subscribe next");
    }

    [Theory]
    [InlineData(Show, true)]
    [InlineData(Hide, false)]
    public async Task A_page_that_becomes_visible_reconnects_at_once_and_a_hidden_one_waits(string change, bool isSeen)
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4503, "overloaded");
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("chance = 1; observe(new Notifier()); notifier.channel('a', hear)");
        await client.DelayAsync(1);
        await fake.AcceptAsync();
        fake.ClosesWith = null;

        await client.DoAsync(change);

        if (!isSeen)
        {
            await client.Page.Clock.RunForAsync(499);
            fake.Waiting.Should().Be(0);
            await client.Page.Clock.RunForAsync(1);
        }
        await client.LogsAsync("subscribed a");
    }

    /// <summary>The browser's own events, with new connections really blocked.</summary>
    [Fact]
    public async Task A_browser_that_was_offline_reconnects_and_resumes_from_its_last_position()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var connection = await ListenAsync(client, fake);
        await connection.SendAsync(new { type = "message", channel = "a", data = "before", position = "p1" });
        await client.LogsAsync("a: before");
        await client.Page.Context.SetOfflineAsync(true);
        connection.Abort();
        await client.LogsAsync("state waiting");

        await client.Page.Context.SetOfflineAsync(false);

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a p1");
    }

    [Fact]
    public async Task A_subscription_or_client_declared_with_using_is_closed_at_the_end_of_its_block()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            """
            observe(new Notifier());
            globalThis.end = Promise.withResolvers();
            (async () => { using kept = notifier; using given = notifier.channel('a', hear); await inner(); await end.promise; })();
            async function inner() { using other = notifier.channel('b', hear); await new Promise(resolve => notifier.addEventListener('subscribed', resolve)); }
            """);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        (await connection.ReadTextAsync()).Should().Be("subscribe b");
        (await connection.ReadTextAsync()).Should().Be("unsubscribe b");

        await client.DoAsync("end.resolve()");

        await client.LogsAsync("state closed");
        await connection.Ended.Task.WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task An_abort_signal_unsubscribes_one_name_and_another_closes_the_whole_client()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            """
            globalThis.ofAll = new AbortController(); globalThis.ofOne = new AbortController();
            observe(new Notifier(undefined, { signal: ofAll.signal }));
            notifier.channel('kept', hear);
            globalThis.one = notifier.pattern('one.*', hear, { signal: ofOne.signal });
            """);
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed one.*");
        (await connection.ReadTextAsync()).Should().Be("subscribe kept");
        (await connection.ReadTextAsync()).Should().Be("subscribe one.*");

        await client.DoAsync("ofOne.abort(); one.close()");
        (await connection.ReadTextAsync()).Should().Be("unsubscribe one.*");
        await connection.SendAsync(new { type = "message", pattern = "one.*", channel = "one.x", data = "too late" });
        await connection.SendAsync(new { type = "message", channel = "kept", data = "heard" });
        await client.LogsAsync("kept: heard");
        await client.DoAsync("ofAll.abort(); notifier.close(); notifier.channel('never', hear)");

        await connection.Ended.Task.WaitAsync(Eventually.Limit);
        connection.Unread.Should().Be(0);
        (await client.LogAsync())[^2..].Should().Equal("kept: heard", "state closed");
        await client.DoAsync("observe(new Notifier(undefined, { signal: AbortSignal.abort() })).channel('never', hear); log.push(`then ${notifier.state}`)");
        await client.LogsAsync("then closed");
        fake.Waiting.Should().Be(0);
    }

    private static async Task<FakeConnection> ListenAsync(ClientPage client, FakeNotifier fake)
    {
        await client.DoAsync("observe(new Notifier()); notifier.addEventListener('pong', () => log.push('pong')); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        return connection;
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake, bool hasOwnClock = false) =>
        await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock);
}
