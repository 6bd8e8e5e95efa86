using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Notifier.Tests.Browser.NumbersPage;

namespace Notifier.Tests.Browser;

/// <summary>A page that subscribes to durable channels shows each message once, even if the page or its node fails.</summary>
public sealed class ClientDurableTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Theory]
    [InlineData("channel('durable.numbers'")]
    [InlineData("pattern('durable.*'")]
    public async Task A_page_that_reloads_goes_offline_or_changes_nodes_shows_each_durable_message_once(string name)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var first = await redis.StartAppAsync("durable.*");
        await using var second = await redis.StartAppAsync("durable.*");
        // The load balancer chooses the node.
        var balance = $"<script>const Plain = WebSocket; sessionStorage.node ??= '{first.Address.Port}'; globalThis.WebSocket = class extends Plain {{"
            + $" constructor(url, protocol) {{ super(url.replace(/:[0-9]+/, `:${{sessionStorage.node}}`), protocol) }} }}</script>";
        await using var site = await Site.StartAsync(balance + Page(second, name, "persist: 'session'"));
        await using var context = await browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(site.Address);
        await IsLiveAsync(page);
        await using var traffic = new Traffic(n => redis.Connection.PublishDurablyAsync("durable.numbers", n));

        for (var round = 0; round < 3; round++)
        {
            await HasHeardAsync(page, traffic.Published + 10);
            await page.ReloadAsync();
            await HasHeardAsync(page, traffic.Published + 10);
            await context.SetOfflineAsync(true);
            var before = traffic.Published;
            await Eventually.IsAsync(() => traffic.Published > before + 300, "the page misses some messages");
            await context.SetOfflineAsync(false);
            await HasHeardAsync(page, traffic.Published);
            await page.EvaluateAsync($"sessionStorage.node = {(round % 2 == 0 ? second : first).Address.Port}; notifier.connect()");
            await page.ReloadAsync();
        }
        var published = await traffic.EndAsync();
        await HasHeardAsync(page, published);

        (await HeardAsync(page)).Should().Equal(Enumerable.Range(1, published));
        (await page.EvaluateAsync<string?>("sessionStorage.gaps")).Should().BeNull();
    }

    [Fact]
    public async Task A_page_rendered_with_a_position_shows_messages_published_before_it_connected()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("durable.*");
        var position = await redis.Connection.PublishDurablyAsync("durable.rendered", "in the page");
        await redis.Connection.PublishDurablyAsync("durable.rendered", 1, 4);
        await using var site = await Site.StartAsync(
            $$"""
            <!doctype html><title>Shop</title><script src="{{app.Address}}notifier.js"></script>
            <notifier-list pattern="durable.*" after="{{position}}"></notifier-list>
            """);
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);

        ILocator Shown(string text) => page.Locator("notifier-list").GetByText(text, new() { Exact = true });
        foreach (var text in new[] { "1", "2", "3" })
            await Shown(text).WaitForAsync();
        (await Shown("in the page").CountAsync()).Should().Be(0);
        await page.CloseAsync();
    }
}
