using FluentAssertions;
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

    private const string Suspend = "const request = new XMLHttpRequest(); request.open('GET', '/suspend', false); request.send(); skew += 60_000;";

    private const string Listen = "observe(new Notifier(undefined, { shared: true })); notifier.channel('a', hear)";

    [Fact]
    public async Task A_suspended_leader_is_replaced_within_15_seconds_and_repeats_nothing_when_it_wakes_up()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var context = await browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.AddInitScriptAsync(Skewed);
        await using var leader = await ClientPage.OpenAsync(page, fake.Address);
        await leader.DoAsync(Listen);
        var first = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed a");
        await using var follower = await ClientPage.OpenAsync(await context.NewPageAsync(), fake.Address, hasOwnClock: true);
        await follower.DoAsync(Listen);
        await follower.LogsAsync("subscribed a");
        await first.SendAsync(new { type = "message", channel = "a", data = "before", position = "p1" });
        await follower.LogsAsync("a: before");
        await leader.LogsAsync("a: before");
        await AnswersAsync(follower, 12);
        fake.Requests.Count(static request => request == "/ws").Should().Be(1);

        var suspended = leader.DoAsync(Suspend);
        await Eventually.IsAsync(() => fake.Requests.Contains("/suspend"), "the leader is suspended");
        await first.SendAsync(new { type = "message", channel = "a", data = "meanwhile", position = "p2" });
        await follower.Page.Clock.RunForAsync(15_000);

        var second = await fake.AcceptAsync();
        (await second.ReadTextAsync()).Should().Be("subscribe a p1");
        await second.SendAsync(new { type = "message", channel = "a", data = "meanwhile", position = "q2" });     // the position is that of another node
        await follower.LogsAsync("a: meanwhile");
        fake.Suspension.TrySetResult();
        await suspended;
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
        var page = await context.NewPageAsync();
        await page.AddInitScriptAsync(Skewed);
        await using var leader = await ClientPage.OpenAsync(page, fake.Address);
        await leader.DoAsync(Listen);
        var first = await fake.AcceptAsync();
        await leader.LogsAsync("subscribed a");
        await using var follower = await ClientPage.OpenAsync(await context.NewPageAsync(), fake.Address, hasOwnClock: true);
        await follower.DoAsync(Listen);
        await follower.LogsAsync("subscribed a");
        var suspended = leader.DoAsync(Suspend);
        await Eventually.IsAsync(() => fake.Requests.Contains("/suspend"), "the leader is suspended");
        await follower.Page.Clock.RunForAsync(15_000);
        await fake.AcceptAsync();
        fake.Suspension.TrySetResult();
        await suspended;
        await leader.LogsAsync("subscribed a", times: 2);
        await first.Ended.Task.WaitAsync(Eventually.Limit);

        await follower.DoAsync("notifier.close()");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().StartWith("subscribe a");
        await leader.LogsAsync("subscribed a", times: 3);
    }

    private static bool IsMessage(string line) => line.StartsWith("a: ", StringComparison.Ordinal);

    /// <summary>A leader that answers stays, however long nothing is published.</summary>
    private static async Task AnswersAsync(ClientPage follower, int questions)
    {
        await follower.DoAsync(
            "globalThis.answers = 0; new BroadcastChannel(`notifier ${location.origin}/`).onmessage = ({ data }) => { if (data.frame) answers++; }");
        for (var question = 1; question <= questions; question++)
        {
            await follower.Page.Clock.RunForAsync(5_000);
            await Eventually.IsAsync(async () => await follower.Page.EvaluateAsync<int>("answers") >= question, $"the leader answers question {question}");
        }
    }
}
