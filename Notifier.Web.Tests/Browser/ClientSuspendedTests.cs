using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>
/// The browser suspends the tab whose connection the others share. A synchronous request suspends it here: the tab runs nothing until the answer, and then finds
/// everything that came meanwhile.
/// </summary>
public sealed class ClientSuspendedTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    /// <summary>The time of the leader passes while it is suspended. The rest of its clock is real.</summary>
    private const string Skewed = "globalThis.skew = 0; { const plain = performance.now.bind(performance); performance.now = () => plain() + skew; }";

    /// <summary>The ticks of the follower come when the test says so. (Playwright's clock is that of all pages, also of one that does not answer.)</summary>
    private const string Ticking = "globalThis.ticks = []; globalThis.setInterval = (tick, delay) => ticks.push({ tick, delay });";

    private const int TicksUntilReplaced = 5;

    private const string Suspend = "const request = new XMLHttpRequest(); request.open('GET', '/suspend', false); request.send(); skew += 60_000;";

    private const string Listen = "observe(new Notifier(undefined, { shared: true })); notifier.channel('a', hear)";

    [Fact]
    public async Task A_suspended_leader_is_replaced_within_15_seconds_and_repeats_nothing_when_it_wakes_up()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, Skewed);
        var first = await fake.AcceptAsync();
        await using var follower = await OpenFollowerAsync(context, fake);
        await first.SendAsync(new { type = "message", channel = "a", data = "before", position = "p1" });
        await follower.LogsAsync("a: before");
        await leader.LogsAsync("a: before");
        await AnswersAsync(follower, 12);
        fake.Requests.Count(static request => request == "/ws").Should().Be(1);

        await using var suspended = await SuspendAsync(leader, fake);
        await first.SendAsync(new { type = "message", channel = "a", data = "meanwhile", position = "p2" });
        await TickAsync(follower, TicksUntilReplaced);

        var second = await fake.AcceptAsync();
        (await second.ReadTextAsync()).Should().Be("subscribe a p1");
        await second.SendAsync(new { type = "message", channel = "a", data = "meanwhile", position = "q2" });     // the position is that of another node
        await follower.LogsAsync("a: meanwhile");
        await suspended.WakeUpAsync();
        await first.Ended.Task.WaitAsync(Eventually.Limit);

        await leader.LogsAsync("subscribed a", times: 2);
        await second.SendAsync(new { type = "message", channel = "a", data = "after", position = "q3" });
        await follower.LogsAsync("a: after");
        await leader.LogsAsync("a: after");
        (await follower.LogAsync()).Where(IsMessage).Should().Equal("a: before", "a: meanwhile", "a: after");
        (await leader.LogAsync()).Where(IsMessage).Should().OnlyHaveUniqueItems();
        (await leader.LogAsync()).Should().Contain(line => line == "a: meanwhile" || line == "gap a notRecovered", "the leader missed it, or is told so");
        fake.Requests.Count(static request => request == "/ws").Should().Be(2);
    }

    [Fact]
    public async Task A_successor_that_closes_leaves_the_lead_to_the_tab_that_had_been_suspended()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        await using var leader = await OpenAsync(context, fake, Skewed);
        var first = await fake.AcceptAsync();
        await using var follower = await OpenFollowerAsync(context, fake);
        await using var suspended = await SuspendAsync(leader, fake);
        await TickAsync(follower, TicksUntilReplaced);
        await fake.AcceptAsync();
        await suspended.WakeUpAsync();
        await leader.LogsAsync("subscribed a", times: 2);
        await first.Ended.Task.WaitAsync(Eventually.Limit);

        await follower.DoAsync("notifier.close()");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().StartWith("subscribe a");
        await leader.LogsAsync("subscribed a", times: 3);
    }

    private static async Task<ClientPage> OpenAsync(IBrowserContext context, FakeNotifier fake, string script)
    {
        var page = await context.NewPageAsync();
        await page.AddInitScriptAsync(script);
        var client = await ClientPage.OpenAsync(page, fake.Address);
        await client.DoAsync(Listen);
        await client.LogsAsync("subscribed a");
        return client;
    }

    private static async Task<ClientPage> OpenFollowerAsync(IBrowserContext context, FakeNotifier fake)
    {
        var follower = await OpenAsync(context, fake, Ticking);
        (await follower.Page.EvaluateAsync<int>($"{TicksUntilReplaced} * ticks[0].delay")).Should().BeLessThan(15_000);
        return follower;
    }

    private static Task TickAsync(ClientPage follower, int times) => follower.DoAsync($"for (let n = 0; n < {times}; n++) ticks.forEach(({{ tick }}) => tick())");

    private static async Task<Suspension> SuspendAsync(ClientPage page, FakeNotifier fake)
    {
        var suspension = new Suspension(page.DoAsync(Suspend), fake);
        await Eventually.IsAsync(() => fake.Requests.Contains("/suspend"), "the leader is suspended");
        return suspension;
    }

    private static bool IsMessage(string line) => line.StartsWith("a: ", StringComparison.Ordinal);

    /// <summary>A leader that answers stays, however long nothing is published.</summary>
    private static async Task AnswersAsync(ClientPage follower, int questions)
    {
        await follower.DoAsync(
            "globalThis.answers = 0; new BroadcastChannel(`notifier 3 ${location.origin}/`).onmessage = ({ data }) => { if (data.frame) answers++; }");
        for (var question = 1; question <= questions; question++)
        {
            await TickAsync(follower, 2);
            await Eventually.IsAsync(async () => await follower.Page.EvaluateAsync<int>("answers") >= question, $"the leader answers question {question}");
        }
    }

    /// <summary>A page that waits. If the test fails meanwhile, the page wakes up, because it could not be closed.</summary>
    private sealed class Suspension(Task waiting, FakeNotifier fake) : IAsyncDisposable
    {
        public Task WakeUpAsync()
        {
            fake.Suspension.TrySetResult();
            return waiting;
        }

        public async ValueTask DisposeAsync() => await WakeUpAsync();
    }
}
