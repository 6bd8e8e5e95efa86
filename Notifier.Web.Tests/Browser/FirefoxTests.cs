using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>In Firefox.</summary>
public sealed class FirefoxTests(Firefox browser, RedisFixture fixture) : EngineTests(browser, fixture), IClassFixture<Firefox>, IClassFixture<RedisFixture>
{
    /// <summary>Firefox does not cache a page that has an open WebSocket.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("persist: 'session'")]
    public async Task A_visitor_who_goes_back_loads_the_page_again_and_has_one_connection(string options)
    {
        var (log, isCached) = await GoForthAndBackAsync(options);

        isCached.Should().BeFalse();
        log.Should().Equal("three");
    }

    /// <summary>
    /// When a visitor leaves, Firefox closes the connection, and tells the page when the server has answered. If the next page was there first, the position of
    /// the last message was stored in <c>pagehide</c> only. Firefox loses that if the next page isolates itself, so the page received the message again on return.
    /// </summary>
    [Fact]
    public async Task A_page_that_leaves_for_an_isolated_site_before_the_server_answers_its_close_resumes_after_its_last_message()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var leaving = new TaskCompletionSource();
        fake.CloseAnswer = leaving.Task;
        fake.Html =
            """
            <!doctype html><title>Shop</title><script src=notifier.js></script>
            <script>
              const plain = setTimeout;
              // The visitor leaves before the client stores positions again.
              globalThis.setTimeout = (react, delay) => delay === 100 ? 1 : plain(react, delay);
              new Notifier(undefined, { persist: "session" }).channel("a", ({ data }) => globalThis.heard = data);
            </script>
            """;
        await using var tab = await browser.OpenAsync(fake.Address);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        for (var n = 1; n <= 2; n++)
            await connection.SendAsync(new { type = "message", channel = "a", data = $"{n}", position = $"n.{n}" });
        await tab.IsAsync("globalThis.heard === '2'");

        await tab.GoToAsync($"http://localhost:{fake.Port}/isolated");
        leaving.SetResult();
        await connection.Ended.Task.WaitAsync(Eventually.Limit);
        await tab.GoToAsync(fake.Address);

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a n.2");
    }

    /// <summary>The browser has not drawn the toast yet. It was stored in <c>pagehide</c> only, which Firefox loses in the same way: the visitor never saw it.</summary>
    [Fact]
    public async Task A_toast_that_arrives_just_before_the_visitor_leaves_for_an_isolated_site_appears_on_return()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.Html =
            """
            <!doctype html><title>Shop</title><script>if (location.search === "?leaves") globalThis.requestAnimationFrame = () => 1;</script>
            <script src=notifier.js></script><notifier-toasts channel=a persist seconds=0></notifier-toasts>
            <script>addEventListener("notifier:message", () => globalThis.heard = true);</script>
            """;
        await using var tab = await browser.OpenAsync(fake.Address + "?leaves");
        var connection = await fake.AcceptAsync();
        await connection.ReadTextAsync();
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "n.1" });
        await tab.IsAsync("globalThis.heard");

        await tab.GoToAsync($"http://localhost:{fake.Port}/isolated");
        await tab.GoToAsync(fake.Address);

        await tab.IsAsync("document.querySelector('notifier-toasts').shadowRoot.querySelector('li .text')?.textContent === 'one'");
    }
}
