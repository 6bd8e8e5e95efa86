namespace Notifier.Redis;

/// <summary>
/// Behind Sentinels the library waits for their answers in threads of the pool, several at once, at each connection that is made or comes back. The pool begins
/// with as many as there are cores and adds one each half second: on two cores nothing ran meanwhile, and a node was ready after 2 to 4 s in place of 0.4.
/// </summary>
internal static class SpareThreads
{
    /// <summary>With 4 it was as slow as with 2, with 8 as fast as with 32; two connections at once need twice that.</summary>
    private const int Needed = 16;

    /// <summary>From now on the pool begins with so many as soon as there is work for them. (More than that stays as it is.)</summary>
    public static void Provide()
    {
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, Needed), completions);
    }
}
