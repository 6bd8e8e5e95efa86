using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Notifier.Tests.Browser.NumbersPage;

namespace Notifier.Tests.Browser;

/// <summary>A page reloads, loses its connection or moves to another node. The server is real, and the messages are numbers.</summary>
public sealed class ClientResumeTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("channel('reload.numbers'", "persist: 'session'")]
    [InlineData("pattern('reload.*'", "persist: 'session'")]
    [InlineData("channel('reload.numbers'", "persist: 'session', shared: true")]
    public async Task A_page_reloaded_under_traffic_receives_each_message_once(string name, string options)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app, name, options));
        var page = await OpenAsync(site);
        await using var traffic = new Traffic(n => Redis.PublishAsync("reload.numbers", n));

        for (var reload = 0; reload < 10; reload++)
        {
            await HasHeardAsync(page, traffic.Published);
            await page.ReloadAsync();
        }
        var published = await traffic.EndAsync();
        await HasHeardAsync(page, published);

        (await HeardAsync(page)).Should().Equal(Enumerable.Range(1, published));
        (await page.EvaluateAsync<string?>("sessionStorage.gaps")).Should().BeNull();
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_page_without_persist_subscribes_afresh_after_a_reload()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app, "channel('fresh.numbers'", ""));
        var page = await OpenAsync(site);
        await Redis.PublishAsync("fresh.numbers", "1");
        await HasHeardAsync(page, 1);

        await page.ReloadAsync();
        await IsLiveAsync(page);
        await Redis.PublishAsync("fresh.numbers", "2");
        await HasHeardAsync(page, 2);

        (await HeardAsync(page)).Should().Equal(1, 2);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_name_closed_before_a_reload_is_subscribed_afresh_without_resuming()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "given.numbers");
        await using var site = await Site.StartAsync(Page(app, "channel('given.numbers'", "persist: 'session'"));
        var page = await OpenAsync(site);
        await Redis.PublishAsync("given.numbers", "1");
        await HasHeardAsync(page, 1);
        await page.EvaluateAsync("held.close()");
        await Redis.PublishAsync("given.numbers", "2");
        await keeper.ReadAsync();
        ((string?)(await keeper.ReadAsync())["data"]).Should().Be("2");

        await page.ReloadAsync();
        await IsLiveAsync(page);
        await Redis.PublishAsync("given.numbers", "3");
        await HasHeardAsync(page, 3);

        (await HeardAsync(page)).Should().Equal(1, 3);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("persist: 'session'", false)]
    [InlineData("persist: 'session'", true)]
    public async Task A_page_that_moves_to_another_node_receives_a_gap_and_no_message_twice(string options, bool isReloaded)
    {
        await using var first = await NotifierApp.StartAsync(Redis.Configuration);
        await using var second = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(second);
        await keeper.SubscribeAsync("channel", "nodes.numbers");
        // The load balancer chooses the node.
        var balance = $"<script>const Plain = WebSocket; sessionStorage.node ??= '{first.Address.Port}'; globalThis.WebSocket = class extends Plain {{"
            + $" constructor(url, protocol) {{ super(url.replace(/:[0-9]+/, `:${{sessionStorage.node}}`), protocol) }} }}</script>";
        await using var site = await Site.StartAsync(balance + Page(second, "channel('nodes.numbers'", options, "{ last: 50 }"));
        var page = await OpenAsync(site);
        for (var n = 1; n <= 5; n++)
            await Redis.PublishAsync("nodes.numbers", $"{n}");
        await HasHeardAsync(page, 5);

        await page.EvaluateAsync($"sessionStorage.node = {second.Address.Port}");
        if (isReloaded)
            await page.ReloadAsync();
        else
            await first.StopAsync();
        await Eventually.IsAsync(async () => await page.EvaluateAsync<string?>("sessionStorage.gaps") == "notRecovered ", "the page receives the gap");
        await Redis.PublishAsync("nodes.numbers", "6");
        await HasHeardAsync(page, 6);

        (await HeardAsync(page)).Should().Equal(1, 2, 3, 4, 5, 6);
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_last_messages_are_delivered_when_a_page_opens_and_not_again_when_it_reconnects()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "last.numbers");
        for (var n = 1; n <= 5; n++)
            await Redis.PublishAsync("last.numbers", $"{n}");
        for (var n = 1; n <= 5; n++)
            await keeper.ReadAsync();
        await using var site = await Site.StartAsync(Page(app, "channel('last.numbers'", "", "{ last: 3 }"));

        var page = await OpenAsync(site);
        await HasHeardAsync(page, 5);
        await page.EvaluateAsync("globalThis.live = 0; notifier.connect()");
        await IsLiveAsync(page);
        await Redis.PublishAsync("last.numbers", "6");
        await HasHeardAsync(page, 6);

        (await HeardAsync(page)).Should().Equal(3, 4, 5, 6);
        await page.CloseAsync();
    }

    /// <summary>Like a telephone that leaves the network: neither end receives a close.</summary>
    [Fact]
    public async Task A_dead_connection_is_replaced_when_the_network_returns_and_no_message_is_lost()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var network = new RedisProxy(app.Address.Port);
        await using var site = await Site.StartAsync(
            Page(app, "channel('dead.numbers'", "").Replace(app.Address.ToString(), $"http://{network.Configuration}/", StringComparison.Ordinal));
        var page = await OpenAsync(site);
        await using var traffic = new Traffic(n => Redis.PublishAsync("dead.numbers", n));
        await HasHeardAsync(page, 10);

        network.BlackHole();
        var heard = (await HeardAsync(page)).Length;
        await Eventually.IsAsync(() => traffic.Published > heard + 200, "the page misses some messages");
        await page.EvaluateAsync("dispatchEvent(new Event('online'))");

        await HasHeardAsync(page, heard + 200);
        var published = await traffic.EndAsync();
        await HasHeardAsync(page, published);
        (await HeardAsync(page)).Should().Equal(Enumerable.Range(1, published));
        (await page.EvaluateAsync<string?>("sessionStorage.gaps")).Should().BeNull();
        await page.CloseAsync();
    }

    /// <summary>
    /// A tab reloads while another tab stays subscribed to the name. The reloaded tab cannot get the messages it missed from the other tab.
    /// </summary>
    [Fact]
    public async Task A_reloaded_tab_on_a_shared_connection_receives_every_message_or_a_gap()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app, "channel('tabs.numbers'", "persist: 'session', shared: true"));
        await using var context = await browser.NewContextAsync();
        var leader = await OpenAsync(site, context);
        var page = await OpenAsync(site, context);
        await using var traffic = new Traffic(n => Redis.PublishAsync("tabs.numbers", n));

        for (var reload = 0; reload < 25; reload++)
        {
            await HasHeardAsync(page, traffic.Published);
            await page.ReloadAsync();
        }
        // A message that the tab misses while it loads causes a gap, and the tab notices the gap at the next message.
        await HasHeardAsync(page, traffic.Published);
        var published = await traffic.EndAsync();
        await HasHeardAsync(page, published);
        await HasHeardAsync(leader, published);

        (await HeardAsync(leader)).Should().Equal(Enumerable.Range(1, published));
        var heard = await HeardAsync(page);
        heard.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        var jumps = heard.Zip(heard.Skip(1)).Count(pair => pair.Second != pair.First + 1);
        var gaps = (await page.EvaluateAsync<string?>("sessionStorage.gaps") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        gaps.Should().BeGreaterThanOrEqualTo(jumps);
        jumps.Should().BeLessThanOrEqualTo(25);
    }

    private async Task<IPage> OpenAsync(Site site, IBrowserContext? context = null)
    {
        var page = context is null ? await browser.NewPageAsync() : await context.NewPageAsync();
        await page.GotoAsync(site.Address);
        await IsLiveAsync(page);
        return page;
    }
}
