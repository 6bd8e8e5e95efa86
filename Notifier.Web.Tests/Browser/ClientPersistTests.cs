using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Notifier.Tests.Browser.NumbersPage;

namespace Notifier.Tests.Browser;

/// <summary><c>persist: "session"</c> in a page that ends without notice, and where storage is forbidden. The server is real, and the messages are numbers.</summary>
public sealed class ClientPersistTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Persist = "persist: 'session'";

    /// <summary>A page that crashes or is discarded receives no <c>beforeunload</c> and no <c>pagehide</c>.</summary>
    private const string Crashing = "for (const type of ['beforeunload', 'pagehide', 'visibilitychange']) addEventListener(type, event => event.stopImmediatePropagation(), true);";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_page_that_ends_without_notice_resumes_where_it_was()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "crash.numbers");
        await using var site = await Site.StartAsync(Page(app, "channel('crash.numbers'", Persist));
        var page = await browser.NewPageAsync();
        await page.AddInitScriptAsync(Crashing);
        await page.GotoAsync(site.Address);
        await page.EvaluateAsync("notifier.channel('crash.numbers', message => globalThis.at = message.position)");
        await IsLiveAsync(page);
        for (var n = 1; n <= 20; n++)
            await Redis.PublishAsync("crash.numbers", $"{n}");
        await HasHeardAsync(page, 20);
        await Eventually.IsAsync(() => page.EvaluateAsync<bool>("Object.values(sessionStorage).some(saved => saved.includes(at))"), "the page has saved its last position");

        await page.GotoAsync("about:blank");
        for (var n = 21; n <= 25; n++)
            await Redis.PublishAsync("crash.numbers", $"{n}");
        for (var n = 1; n <= 25; n++)
            await keeper.ReadAsync();
        await page.GotoAsync(site.Address);
        await HasHeardAsync(page, 25);

        (await HeardAsync(page)).Should().Equal(Enumerable.Range(1, 25));
        (await page.EvaluateAsync<string?>("sessionStorage.gaps")).Should().BeNull();
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_positions_of_a_busy_name_are_saved_at_most_ten_times_a_second()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock: true);
        await client.DoAsync(
            "globalThis.saves = 0; const plain = JSON.stringify; JSON.stringify = value => { if (Array.isArray(value)) saves++; return plain(value); };"
            + $" observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        for (var n = 1; n <= 1_000; n++)
            await connection.SendAsync(new { type = "message", channel = "a", data = $"{n}", position = $"p{n}" });
        await client.LogsAsync("a: 1000");

        (await client.Page.EvaluateAsync<int>("saves")).Should().Be(1, "the first change is saved at once, and the clock stands still");
        await client.Page.Clock.RunForAsync(100);
        (await client.Page.EvaluateAsync<int>("saves")).Should().Be(2);
        (await client.Page.EvaluateAsync<string>("Object.values(sessionStorage)[0]")).Should().Contain("p1000");
        await client.Page.Clock.RunForAsync(10_000);
        (await client.Page.EvaluateAsync<int>("saves")).Should().Be(2);
    }

    [Fact]
    public async Task Positions_of_names_of_another_page_in_the_tab_are_kept()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync($"observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('first', hear)");
        var connection = await fake.AcceptAsync();
        await connection.ReadTextAsync();
        await connection.SendAsync(new { type = "message", channel = "first", data = "one", position = "p1" });
        await client.LogsAsync("first: one");

        await client.Page.ReloadAsync();
        await client.DoAsync($"observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('second', hear)");
        await client.LogsAsync("subscribed second");
        await client.Page.ReloadAsync();
        await client.DoAsync($"observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('first', hear)");
        await fake.AcceptAsync();

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe first p1");
    }

    [Fact]
    public async Task All_positions_of_a_page_are_kept_and_the_500_latest_of_earlier_pages()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync(
            "sessionStorage[`notifier ${location.origin}/`] = JSON.stringify(Array.from({ length: 502 }, (_, n) => [JSON.stringify({ channel: `a${n}` }), 'p']));"
            + $" observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('a0', hear); notifier.channel('b0', hear)");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a0 p");
        (await connection.ReadTextAsync()).Should().Be("subscribe b0");
        await client.LogsAsync("subscribed b0");
        await connection.SendAsync(new { type = "message", channel = "b0", data = "two", position = "p2" });
        await client.LogsAsync("b0: two");

        await Eventually.IsAsync(() => client.Page.EvaluateAsync<bool>("Object.values(sessionStorage)[0].includes('p2')"), "the page has saved its positions");
        var saved = await client.Page.EvaluateAsync<string[]>("JSON.parse(Object.values(sessionStorage)[0]).map(([key, position]) => JSON.parse(key).channel + ' ' + position)");
        saved.Should().NotContain("a1 p").And.Contain("a2 p").And.HaveCount(501);
        saved[^1].Should().Be("b0 p2");
    }

    [Fact]
    public async Task A_page_of_600_names_resumes_each_of_them()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        var subscribe = $"observe(new Notifier(undefined, {{ {Persist} }})); for (let n = 0; n < 600; n++) notifier.channel(`a${{n}}`, hear)";
        await client.DoAsync("let ahead = 0; const plain = performance.now.bind(performance); performance.now = () => plain() + (ahead += 1_000);" + subscribe);
        var connection = await fake.AcceptAsync();
        for (var n = 0; n < 600; n++)
            await connection.ReadAsync();
        for (var n = 0; n < 600; n++)
            await connection.SendAsync(new { type = "message", channel = $"a{n}", data = "one", position = $"p{n}" });
        await client.LogsAsync("a599: one");

        await client.Page.ReloadAsync();
        await client.DoAsync("let ahead = 0; const plain = performance.now.bind(performance); performance.now = () => plain() + (ahead += 1_000);" + subscribe);

        connection = await fake.AcceptAsync();
        for (var n = 0; n < 600; n++)
            (await connection.ReadTextAsync()).Should().Be($"subscribe a{n} p{n}");
    }

    /// <summary>The page that was rendered shows what its position says. A page from a cache may be older than what the tab has shown since.</summary>
    [Theory]
    [InlineData("n.7~j.70", "~j.60", "n.7~j.70")]
    [InlineData("n.7~j.70", "~j.80", "~j.80")]
    [InlineData("n.7~j.70", "~k.60", "~k.60")]
    [InlineData("n.7", "~j.60", "~j.60")]
    public async Task The_newer_of_the_stored_and_the_rendered_position_counts_and_the_rendered_one_if_they_do_not_compare(string stored, string after, string from)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync(
            $"sessionStorage[`notifier ${{location.origin}}/`] = JSON.stringify([[JSON.stringify({{ channel: 'a' }}), '{stored}']]);"
            + $" observe(new Notifier(undefined, {{ {Persist} }})); notifier.channel('a', hear, {{ after: '{after}' }})");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be($"subscribe a {from}");
    }

    [Theory]
    [InlineData("sandbox=\"allow-scripts\"", "")]
    [InlineData("", "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }; Object.defineProperty(globalThis, 'sessionStorage', { value: new Proxy({}, { set() { throw new Error('full') } }) });")]
    [InlineData("", "sessionStorage[`notifier ${location.origin}/`] = '{not json';")]
    public async Task A_page_whose_storage_is_forbidden_full_or_broken_receives_messages(string sandbox, string script)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync(
            $$"""
            addEventListener("message", ({ data }) => log.push(data));
            document.body.innerHTML = `<iframe {{sandbox}}></iframe>`;
            document.querySelector("iframe").srcdoc = `<script>globalThis.onerror = text => parent.postMessage(text, "*"); {{script.Replace("`", "\\`", StringComparison.Ordinal).Replace("${", "\\${", StringComparison.Ordinal)}}<\/script>
              <script src="${location.origin}/notifier.js"><\/script>
              <script>new Notifier(undefined, { {{Persist}} }).channel("a", ({ data }) => parent.postMessage(data, "*"))<\/script>`;
            """);
        var connection = await fake.AcceptAsync();
        await connection.ReadTextAsync();
        await connection.SendAsync(new { type = "message", channel = "a", data = "heard", position = "p1" });

        await client.LogsAsync("heard");
        (await client.LogAsync()).Should().Equal("heard");
    }
}
