using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary><c>shared: true</c>: the tabs of one browser share one connection, even if the tab that owns it closes.</summary>
public sealed class ClientSharedTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_closed_leader_tab_is_replaced_without_losing_a_subscription_of_another_tab(int tabs)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "name0");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe name0");
        var others = new List<ClientPage>();
        for (var n = 1; n < tabs; n++)
        {
            others.Add(await OpenAsync(context, fake));
            await ListenAsync(others[^1], $"name{n}");
            (await connection.ReadTextAsync()).Should().Be($"subscribe name{n}");
            await others[^1].LogsAsync($"subscribed name{n}");
            await others[^1].LogsAsync("state connected");
            await connection.SendAsync(new { type = "message", channel = $"name{n}", data = "before", position = $"p{n}" });
            await others[^1].LogsAsync($"name{n}: before");
        }
        fake.Requests.Count(request => request == "/ws").Should().Be(1);

        await first.Page.CloseAsync();

        connection = await fake.AcceptAsync();
        var asked = new List<string>();
        for (var n = 1; n < tabs; n++)
            asked.Add(await connection.ReadTextAsync());
        asked.Should().BeEquivalentTo(Enumerable.Range(1, tabs - 1).Select(n => $"subscribe name{n} p{n}"), "the tab of name0 has closed");
        for (var n = 1; n < tabs; n++)
        {
            await connection.SendAsync(new { type = "message", channel = $"name{n}", data = "after", position = $"q{n}" });
            await others[n - 1].LogsAsync($"name{n}: after");
            (await others[n - 1].LogAsync()).Should().NotContain("state closed").And.ContainSingle(line => line == $"name{n}: before");
        }
        fake.Requests.Count(request => request == "/ws").Should().Be(2);
    }

    [Fact]
    public async Task A_leader_that_calls_close_is_replaced_although_its_page_stays_open()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "a");
        var connection = await fake.AcceptAsync();
        await using var second = await OpenAsync(context, fake);
        await ListenAsync(second, "a");
        await second.LogsAsync("subscribed a");

        await first.DoAsync("notifier.close()");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
        await second.LogsAsync("subscribed a", times: 2);
        (await first.LogAsync())[^1].Should().Be("state closed");
        (await second.LogAsync()).Should().NotContain("state closed");
    }

    [Fact]
    public async Task A_crashed_leader_tab_is_replaced_and_its_own_names_are_not_subscribed_again()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        var first = await OpenAsync(context, fake);
        await ListenAsync(first, "of-the-crashed");
        var connection = await fake.AcceptAsync();
        await using var second = await OpenAsync(context, fake);
        await ListenAsync(second, "a");
        await second.LogsAsync("subscribed a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "before", position = "p1" });
        await second.LogsAsync("a: before");

        await CrashAsync(context, first.Page);

        connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a p1");
        await connection.SendAsync(new { type = "message", channel = "a", data = "before", position = "p1" });
        await connection.SendAsync(new { type = "message", channel = "a", data = "after", position = "p2" });
        await second.LogsAsync("a: after");
        (await second.LogAsync()).Should().ContainSingle(line => line == "a: before", "the client reports a repeated message once");
        connection.Unread.Should().Be(0);
    }

    [Fact]
    public async Task The_names_of_a_crashed_follower_tab_are_unsubscribed()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "a");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        var second = await OpenAsync(context, fake);
        await ListenAsync(second, "of-the-crashed");
        (await connection.ReadTextAsync()).Should().Be("subscribe of-the-crashed");

        await CrashAsync(context, second.Page);

        (await connection.ReadTextAsync()).Should().Be("unsubscribe of-the-crashed");
    }

    [Fact]
    public async Task A_browser_without_locks_opens_one_connection_per_tab_and_warns_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        var address = $"http://{BrowserFixture.InsecureHost}:{fake.Port}/";
        var page = await context.NewPageAsync();
        var console = new List<string>();
        page.Console += (_, message) => console.Add($"{message.Type}: {message.Text}");
        await using var first = await ClientPage.OpenAsync(page, address);
        await using var second = await ClientPage.OpenAsync(await context.NewPageAsync(), address);
        (await page.EvaluateAsync<bool>("isSecureContext")).Should().BeFalse();

        await ListenAsync(first, "a");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
        await ListenAsync(second, "b");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe b");

        await first.LogsAsync("subscribed a");
        console.Should().Contain(line => line.StartsWith("warning: Notifier: shared needs https", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_names_of_a_closed_tab_are_unsubscribed_unless_another_tab_has_subscribed_to_them()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "common");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe common");
        var second = await OpenAsync(context, fake);
        await ListenAsync(second, "common");
        await second.DoAsync("notifier.channel('own', hear)");
        (await connection.ReadTextAsync()).Should().Be("subscribe own");
        await second.LogsAsync("subscribed common");

        await second.Page.CloseAsync();

        (await connection.ReadTextAsync()).Should().Be("unsubscribe own");
        await connection.SendAsync(new { type = "message", channel = "common", data = "still" });
        await first.LogsAsync("common: still");
        connection.Unread.Should().Be(0);
    }

    /// <summary>Kills the process of a page without notifying the page.</summary>
    private static async Task CrashAsync(IBrowserContext context, IPage page)
    {
        var crashed = new TaskCompletionSource();
        page.Crash += (_, _) => crashed.TrySetResult();
        var session = await context.NewCDPSessionAsync(page);
        _ = session.SendAsync("Page.crash");    // a crashed page does not answer
        await crashed.Task.WaitAsync(Eventually.Limit);
    }

    private static async Task<ClientPage> OpenAsync(IBrowserContext context, FakeNotifier fake) =>
        await ClientPage.OpenAsync(await context.NewPageAsync(), fake.Address);

    private static Task ListenAsync(ClientPage page, string channel) =>
        page.DoAsync($"observe(new Notifier(undefined, {{ shared: true }})); notifier.channel('{channel}', hear)");
}
