using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>
/// <c>shared: true</c>: how far the pages of different tabs have read a name. Positions belong to the server, so the client compares them only as Notifier makes
/// them.
/// </summary>
public sealed class ClientSharedPositionTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Gap = "gap a notRecovered";

    [Fact]
    public async Task A_name_that_the_leader_closes_is_resumed_for_another_tab_after_a_break()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake);
        await leader.DoAsync("chance = 0.01; globalThis.held = notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed a");
        await using var follower = await OpenAsync(context, fake, "notifier.channel('a', hear)");
        await follower.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "n.1" });
        await follower.LogsAsync("a: one");

        await leader.DoAsync("held.close()");
        await leader.DoAsync("notifier.channel('other', hear)");
        await leader.LogsAsync("subscribed other");
        connection.Abort();

        (await TextsAsync(await fake.AcceptAsync(), 2)).Should().BeEquivalentTo("subscribe a n.1", "subscribe other");
    }

    /// <summary>The page was rendered, or left, when the name had been read up to <paramref name="after"/>; the other tab has read it up to n.5~j.50.</summary>
    [Theory]
    [InlineData("n.4", true)]
    [InlineData("n.5~j.50", false)]
    [InlineData("n.6", true)]
    [InlineData("~j.49", true)]
    [InlineData("~j.51", false)]
    [InlineData("~k.51", true)]
    public async Task A_tab_that_subscribes_to_a_live_name_with_an_older_position_receives_a_gap(string after, bool isMissed)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, "notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "five", position = "n.5~j.50" });
        await leader.LogsAsync("a: five");
        // Not the tab's first name.
        await using var follower = await OpenAsync(context, fake, "notifier.channel('first', hear)");
        await follower.LogsAsync("subscribed first");

        await follower.DoAsync($"notifier.channel('a', hear, {{ after: '{after}' }})");

        await follower.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "six", position = "n.6~j.60" });
        await follower.LogsAsync("a: six");
        (await follower.LogAsync()).Count(static line => line == Gap).Should().Be(isMissed ? 1 : 0);
        (await leader.LogAsync()).Should().NotContain(Gap);
    }

    [Fact]
    public async Task A_leader_that_subscribes_to_a_live_name_of_another_tab_with_an_older_position_receives_a_gap()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, "notifier.channel('first', hear)");
        var connection = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed first");
        await using var follower = await OpenAsync(context, fake, "notifier.channel('a', hear)");
        await follower.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "five", position = "n.5" });
        await follower.LogsAsync("a: five");

        await leader.DoAsync("notifier.channel('a', hear, { after: 'n.4' })");

        await leader.LogsAsync(Gap);
        await leader.LogsAsync("subscribed a");
        (await follower.LogAsync()).Should().NotContain(Gap);
    }

    /// <summary>Its page subscribes when a route mounts, or after a request: meanwhile, the frames of other tabs' names have arrived.</summary>
    [Fact]
    public async Task A_page_that_returns_and_subscribes_late_receives_a_gap_for_what_other_tabs_have_received_meanwhile()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, "notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed a");
        await using var follower = await OpenAsync(context, fake, "notifier.channel('a', hear)", Persist);
        await follower.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "n.1" });
        await follower.LogsAsync("a: one");
        await follower.Page.ReloadAsync();
        await connection.SendAsync(new { type = "message", channel = "a", data = "two", position = "n.2" });
        await leader.LogsAsync("a: two");

        await follower.DoAsync($"observe(new Notifier(undefined, {{ shared: true, {Persist} }}))");
        await follower.LogsAsync("state connected");
        await connection.SendAsync(new { type = "message", channel = "a", data = "three", position = "n.3" });
        await leader.LogsAsync("a: three");
        await follower.DoAsync("notifier.channel('a', hear)");

        await follower.LogsAsync(Gap);
        await connection.SendAsync(new { type = "message", channel = "a", data = "four", position = "n.4" });
        await follower.LogsAsync("a: four");
        (await follower.LogAsync()).Count(static line => line == Gap).Should().Be(1);
    }

    /// <summary>Both pages return at the same time, for example when the browser restores its tabs.</summary>
    [Fact]
    public async Task A_tab_with_an_older_position_than_the_one_that_is_being_resumed_receives_a_gap()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, "notifier.channel('first', hear)");
        var connection = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed first");
        connection.Confirms = false;
        await connection.ReadTextAsync();
        await leader.DoAsync("notifier.channel('a', hear, { after: 'n.5' })");
        var subscribe = await connection.ReadAsync();
        await using var follower = await OpenAsync(context, fake, "notifier.channel('a', hear, { after: 'n.3' })");

        await follower.LogsAsync(Gap);
        await connection.ConfirmAsync(subscribe);
        await follower.LogsAsync("subscribed a");
        (await leader.LogAsync()).Should().NotContain(Gap);
    }

    /// <summary>The visitor has logged in meanwhile: the tab that opens now has a token function that succeeds.</summary>
    [Fact]
    public async Task A_tab_that_opens_after_a_refusal_makes_an_attempt_with_its_own_token()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4401, "not logged in");
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake, "notifier.channel('a', hear)");
        await first.LogsAsync("error 4401");
        await fake.AcceptAsync();
        fake.ClosesWith = null;

        await using var second = await OpenAsync(context, fake, "notifier.channel('a', hear)", "token: () => 'good'");

        var connection = await fake.AcceptAsync();
        (await TextsAsync(connection, 2)).Should().Equal("auth good", "subscribe a");
        await second.LogsAsync("subscribed a");
        await first.LogsAsync("subscribed a");
        (await second.LogAsync()).Should().NotContain("state refused");
        fake.Requests.Count(static request => request == "/ws").Should().Be(2);
    }

    private const string Persist = "persist: 'session'";

    private static async Task<string[]> TextsAsync(FakeConnection connection, int count)
    {
        var texts = new string[count];
        for (var n = 0; n < count; n++)
            texts[n] = await connection.ReadTextAsync();
        return texts;
    }

    private static async Task<ClientPage> OpenAsync(IBrowserContext context, FakeNotifier fake, string script = "", string options = "")
    {
        var page = await ClientPage.OpenAsync(await context.NewPageAsync(), fake.Address);
        await page.DoAsync($"observe(new Notifier(undefined, {{ shared: true, {options} }})); {script}");
        return page;
    }
}
