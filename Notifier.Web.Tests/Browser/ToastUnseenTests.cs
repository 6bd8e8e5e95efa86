using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>Toasts that a page with <c>persist</c> has received and not shown: a page in the background draws nothing, and the browser may discard it.</summary>
public sealed class ToastUnseenTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Hide =
        """
        globalThis.plainFrame = requestAnimationFrame; globalThis.frames_ = []; globalThis.requestAnimationFrame = draw => frames_.push(draw);
        Object.defineProperty(document, 'hidden', { value: true, configurable: true }); dispatchEvent(new Event('visibilitychange'))
        """;

    private const string Show =
        "Object.defineProperty(document, 'hidden', { value: false, configurable: true }); globalThis.requestAnimationFrame = plainFrame;"
        + " dispatchEvent(new Event('visibilitychange')); frames_.forEach(draw => draw())";

    /// <summary>A page that crashes or is discarded receives no <c>beforeunload</c> and no <c>pagehide</c>.</summary>
    private const string Discarded = "for (const type of ['beforeunload', 'pagehide', 'visibilitychange']) addEventListener(type, event => event.isTrusted && event.stopImmediatePropagation(), true);";

    [Fact]
    public async Task A_toast_that_arrives_in_a_background_tab_appears_when_the_visitor_returns_to_the_discarded_page()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var (page, connection) = await OpenAsync(fake, "persist");
        await connection.SendAsync(Message(1));
        await Expect(Texts(page)).ToHaveTextAsync(["1"]);
        await page.EvaluateAsync(Hide);
        await connection.SendAsync(Message(2));
        await Eventually.IsAsync(() => page.EvaluateAsync<bool>("heard == 2 && Object.values(sessionStorage).join().includes('n.2')"), "the page has saved its last position");

        await page.ReloadAsync();

        await Expect(Texts(page)).ToHaveTextAsync(["2"]);
        // The stored toast is visible before the page connects. A page that leaves at once may not subscribe.
        await (await fake.AcceptAsync()).ReadTextAsync();
        await page.ReloadAsync();
        await (await fake.AcceptAsync()).ReadTextAsync();
        await Expect(Texts(page)).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Toasts_that_wait_for_others_appear_after_a_reload()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var (page, connection) = await OpenAsync(fake, "persist max=1 seconds=0");
        for (var n = 1; n <= 3; n++)
            await connection.SendAsync(Message(n));
        await Expect(page.Locator("notifier-toasts .more")).ToHaveTextAsync("+2 more");

        await page.ReloadAsync();

        await Expect(Texts(page)).ToHaveTextAsync(["2"]);
        await Expect(page.Locator("notifier-toasts .more")).ToHaveTextAsync("+1 more");
        await page.CloseAsync();
    }

    [Fact]
    public async Task Toasts_that_wait_do_not_pass_unseen_in_a_background_tab()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var (page, connection) = await OpenAsync(fake, "max=1 seconds=5", hasOwnClock: true);
        await connection.SendAsync(Message(1));
        await connection.SendAsync(Message(2));
        await Eventually.IsAsync(() => page.EvaluateAsync<bool>("heard == 2"), "the page receives the messages");
        await page.Clock.RunForAsync(50);
        await Expect(page.Locator("notifier-toasts .more")).ToHaveTextAsync("+1 more");
        await page.EvaluateAsync(Hide);

        await page.Clock.RunForAsync(20_000);
        await page.EvaluateAsync(Show);

        await Expect(Texts(page)).ToHaveTextAsync(["2"]);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("document.querySelector('notifier-toasts')", "channel", "a")]
    [InlineData("document", "pattern", "b.*")]
    public async Task A_gap_of_a_name_of_an_element_is_an_event_at_the_element(string target, string kind, string name)
    {
        await using var fake = await FakeNotifier.StartAsync();
        var (page, connection) = await OpenAsync(fake, "pattern=b.*");
        await connection.ReadTextAsync();
        await page.EvaluateAsync($"globalThis.gaps = []; {target}.addEventListener('notifier:gap', ({{ target, detail }}) => gaps.push(target.localName + ' ' + detail.code))");

        await connection.SendAsync(new Dictionary<string, string> { ["type"] = "gap", [kind] = name, ["code"] = "redis" });

        await Eventually.IsAsync(() => page.EvaluateAsync<bool>("gaps.join() === 'notifier-toasts redis'"), "the event reaches the listener");
        await page.CloseAsync();
    }

    private static object Message(int n) => new { type = "message", channel = "a", data = $"{n}", position = $"n.{n}" };

    private static ILocator Texts(IPage page) => page.Locator("notifier-toasts li .text");

    private async Task<(IPage Page, FakeConnection Connection)> OpenAsync(FakeNotifier fake, string attributes, bool hasOwnClock = false)
    {
        fake.Html = $"<!doctype html><title>Shop</title><script src=notifier.js></script><notifier-toasts channel=a {attributes}></notifier-toasts>";
        var page = await browser.NewPageAsync();
        await page.AddInitScriptAsync(Discarded + "globalThis.heard = 0; addEventListener('notifier:message', () => heard++)");
        if (hasOwnClock)
            await page.Clock.InstallAsync(new() { Time = "2026-01-15T12:00:00Z" });
        await page.GotoAsync(fake.Address);
        var connection = await fake.AcceptAsync();
        await connection.ReadTextAsync();
        if (hasOwnClock)
            await page.Clock.PauseAtAsync("2026-01-15T13:00:00Z");
        return (page, connection);
    }
}
