using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary><c>shared: true</c>: what tabs that share a connection know of each other's names, and where tabs cannot share.</summary>
public sealed class ClientSharedNamesTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    /// <summary>A tab tells the leader its positions only when its names change, so they are old.</summary>
    [Fact]
    public async Task A_name_that_one_tab_closes_stays_subscribed_for_another_without_a_gap_or_a_repetition()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "globalThis.held = notifier.channel('common', hear)");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe common");
        await using var second = await OpenAsync(context, fake);
        await ListenAsync(second, "notifier.channel('common', hear)");
        await second.LogsAsync("subscribed common");
        await connection.SendAsync(new { type = "message", channel = "common", data = "one", position = "p1" });
        await second.LogsAsync("common: one");
        await second.DoAsync("notifier.channel('other', hear)");
        (await connection.ReadTextAsync()).Should().Be("subscribe other");
        await connection.SendAsync(new { type = "message", channel = "common", data = "two", position = "p2" });
        await second.LogsAsync("common: two");

        await first.DoAsync("held.close()");
        await first.DoAsync("notifier.channel('last', hear)");

        (await connection.ReadTextAsync()).Should().Be("subscribe last", "nothing else has changed for the server");
        await connection.SendAsync(new { type = "message", channel = "common", data = "three", position = "p3" });
        await second.LogsAsync("common: three");
        (await second.LogAsync()).Where(static line => line.StartsWith("common", StringComparison.Ordinal)).Should().Equal("common: one", "common: two", "common: three");
    }

    [Fact]
    public async Task A_tab_that_opens_later_learns_that_a_name_is_rejected()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "notifier.channel('good', hear)");
        var connection = await fake.AcceptAsync();
        await first.LogsAsync("subscribed good");
        connection.Confirms = false;
        await first.DoAsync("notifier.channel('bad', hear)");
        await connection.ReadAsync();
        await connection.SendAsync(
            new { type = "error", id = (await connection.ReadAsync()).GetProperty("id").GetInt64(), channel = "bad", code = "forbidden", message = "not allowed: bad" });
        await first.LogsAsync("error bad forbidden");

        await using var second = await OpenAsync(context, fake);
        await ListenAsync(second, "notifier.channel('bad', hear); notifier.channel('good', hear)");

        await second.LogsAsync("error bad forbidden");
        await second.LogsAsync("subscribed good");
        (await second.LogAsync()).Should().NotContain(static line => line.StartsWith("gap", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_tab_that_opens_later_learns_why_the_connection_is_refused()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4403, "this origin is not allowed");
        await using var context = await browser.NewContextAsync();
        await using var first = await OpenAsync(context, fake);
        await ListenAsync(first, "notifier.channel('a', hear)");
        await first.LogsAsync("error 4403");

        await using var second = await OpenAsync(context, fake);
        await ListenAsync(second, "notifier.channel('a', hear)");

        await second.LogsAsync("state refused");
        await second.LogsAsync("error 4403");
    }

    /// <summary>A sandboxed frame has no locks to share by, and the same is true where the visitor blocks the data of pages.</summary>
    [Fact]
    public async Task A_page_that_may_not_use_locks_has_its_own_connection_and_warns_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address);
        await client.DoAsync(
            """
            addEventListener("message", ({ data }) => log.push(data));
            document.body.innerHTML = "<iframe sandbox=allow-scripts></iframe>";
            document.querySelector("iframe").srcdoc = `<script>
                const tell = text => parent.postMessage(text, "*");
                globalThis.onerror = tell; globalThis.onunhandledrejection = ({ reason }) => tell("" + reason); console.warn = tell;
              <\/script>
              <script src="${location.origin}/notifier.js"><\/script>
              <script>new Notifier(undefined, { shared: true }).channel("a", ({ data }) => tell(data))<\/script>`;
            """);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "heard" });

        await client.LogsAsync("heard");
        (await client.LogAsync()).Should().Equal("Notifier: shared needs https, and locks", "heard");
    }

    /// <summary>A tab that was opened before an update of Notifier leads tabs of its own version only.</summary>
    [Fact]
    public async Task Tabs_of_another_version_of_the_client_have_a_connection_of_their_own()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var old = await OpenAsync(context, fake);
        await old.DoAsync("await new Promise(resolve => navigator.locks.request(`notifier ${location.origin}/`, () => { resolve(); return new Promise(() => {}); }))");

        await using var client = await OpenAsync(context, fake);
        await ListenAsync(client, "notifier.channel('a', hear)");

        await client.LogsAsync("subscribed a");
    }

    private static async Task<ClientPage> OpenAsync(IBrowserContext context, FakeNotifier fake) =>
        await ClientPage.OpenAsync(await context.NewPageAsync(), fake.Address);

    private static Task ListenAsync(ClientPage page, string script) => page.DoAsync($"observe(new Notifier(undefined, {{ shared: true }})); {script}");
}
